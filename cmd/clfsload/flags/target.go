package flags

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"clfsload/sync/target"
)

func RegisterTarget(fl *pflag.FlagSet, f *target.Sources) {
	fl.StringVar(&f.CredentialsFile, "credentials-file", "", "file that holds a SAS, an account key or a connection string")
	fl.StringVar(&f.CredentialsEnvFile, "credentials-env-file", "", "file with lines NAME=VALUE that replace the AZURE_STORAGE_ variables of the environment")
	fl.StringVar(&f.Endpoint, "endpoint", os.Getenv("AZURE_STORAGE_BLOB_ENDPOINT"),
		"for ACCOUNT CONTAINER: address of the Blob service, if it is not https://ACCOUNT.blob.core.windows.net\n(from AZURE_STORAGE_BLOB_ENDPOINT)")
	fl.Lookup("endpoint").DefValue = ""
}

func RegisterRetries(fl *pflag.FlagSet, f *target.Patience) {
	fl.DurationVar(&f.For, "retry-for", 24*time.Hour, "give up when no request has succeeded for this time")
	fl.DurationVar(&f.RequestTimeout, "request-timeout", time.Minute, "retry a request when nothing was sent or received for this time")
	fl.BoolVar(&f.NoWait, "no-wait", false, "end with code 8 when credentials expire, instead of waiting for new ones")
}

func CheckRetries(f *target.Patience) error {
	switch {
	case f.For < 0:
		return fmt.Errorf("--retry-for %s: it must not be negative", f.For)
	case f.RequestTimeout < time.Second:
		return fmt.Errorf("--request-timeout %s: it must be 1s or more", f.RequestTimeout)
	}
	return nil
}
