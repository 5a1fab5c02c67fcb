package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
)

func registerTarget(fl *pflag.FlagSet, f *targetFlags) {
	fl.StringVar(&f.credentialsFile, "credentials-file", "", "file that holds a SAS, an account key or a connection string")
	fl.StringVar(&f.credentialsEnvFile, "credentials-env-file", "", "file with lines NAME=VALUE that stand for the environment's AZURE_STORAGE_ variables")
	fl.StringVar(&f.endpoint, "endpoint", os.Getenv("AZURE_STORAGE_BLOB_ENDPOINT"),
		"for ACCOUNT CONTAINER: address of the Blob service, where it is not https://ACCOUNT.blob.core.windows.net\n(from AZURE_STORAGE_BLOB_ENDPOINT)")
	fl.Lookup("endpoint").DefValue = ""
}

func registerRetries(fl *pflag.FlagSet, f *retryFlags) {
	fl.DurationVar(&f.retryFor, "retry-for", 24*time.Hour, "repeat what fails for a while for so long after the last success of anything")
	fl.DurationVar(&f.requestTimeout, "request-timeout", time.Minute, "repeat a request in which nothing was sent or received for so long")
	fl.BoolVar(&f.noWait, "no-wait", false, "end with code 8 when credentials expire, instead of waiting for new ones")
}

func checkRetries(f *retryFlags) error {
	switch {
	case f.retryFor < 0:
		return fmt.Errorf("--retry-for %s: it must not be negative", f.retryFor)
	case f.requestTimeout < time.Second:
		return fmt.Errorf("--request-timeout %s: it must be 1s or more", f.requestTimeout)
	}
	return nil
}
