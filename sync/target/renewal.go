package target

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"clfsload/sync/blob/azure"
	"clfsload/sync/blob/secrecy"
)

// credentialSources are where the credentials of a container come from.
type credentialSources struct {
	spec  Spec
	flags Sources
}

// read reads the files among the sources.
func (s credentialSources) read() (azure.Secrets, error) {
	env, err := environmentSecrets(s.flags.CredentialsEnvFile)
	if err != nil {
		return azure.Secrets{}, err
	}
	return azure.Secrets{SAS: s.spec.sas, File: s.flags.CredentialsFile, Environment: env}, nil
}

// String names the sources that can provide new credentials to a run.
func (s credentialSources) String() string {
	var files []string
	for _, file := range []string{s.flags.CredentialsFile, s.flags.CredentialsEnvFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	if files == nil {
		return "only from the service: no --credentials-file was given; to pass new credentials, stop the load and run the command again"
	}
	return strings.Join(files, ", ")
}

// environmentSecrets reads the variables that Azure's tools share, from a file if one is given.
func environmentSecrets(file string) (azure.Environment, error) {
	get := os.Getenv
	if file != "" {
		values, err := readEnvironmentFile(file)
		if err != nil {
			return azure.Environment{}, err
		}
		get = func(name string) string { return values[name] }
	}
	return azure.Environment{
		Account:          get("AZURE_STORAGE_ACCOUNT"),
		Key:              get("AZURE_STORAGE_KEY"),
		SAS:              get("AZURE_STORAGE_SAS_TOKEN"),
		ConnectionString: get("AZURE_STORAGE_CONNECTION_STRING"),
	}, nil
}

// readEnvironmentFile reads lines of the form NAME=VALUE, as systemd and docker take
// them: with "export" before, quotes around the value, comments and empty lines.
func readEnvironmentFile(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		values[strings.TrimSpace(name)] = value
		secrecy.Variable(strings.TrimSpace(name), value)
	}
	return values, nil
}

// renewal gives a container new credentials when its sources have some.
type renewal struct {
	sources credentialSources
	url     azure.URL
	c       *azure.Container
	log     *slog.Logger

	mu     sync.Mutex
	used   azure.Credentials
	failed string // last logged message about an unusable source
}

// refresh switches to credentials that differ from the current ones. It reports an unusable source
// once.
func (r *renewal) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	if err := r._refresh(); err != nil {
		text = err.Error()
	}
	if text != "" && text != r.failed {
		r.log.Warn("no new credentials", "error", text)
	}
	r.failed = text
}

func (r *renewal) _refresh() error {
	secrets, err := r.sources.read()
	if err != nil {
		return err
	}
	for _, take := range []func(azure.Secrets) (azure.Credentials, error){r.usual, r.files} {
		found, err := take(secrets)
		if err != nil {
			return err
		}
		if found != (azure.Credentials{}) && found != r.used {
			if err := r.c.SetCredentials(found); err != nil {
				return err
			}
			r.used = found
			r.log.Info("took new credentials", "kind", found.String())
			return nil
		}
	}
	return nil
}

// usual are the credentials that a new run would use.
func (r *renewal) usual(s azure.Secrets) (azure.Credentials, error) { return s.Credentials(r.url) }

// files are the credentials in the files. They are used when those of the command line are no
// longer accepted although they have not expired.
func (r *renewal) files(s azure.Secrets) (azure.Credentials, error) {
	if r.sources.flags.CredentialsEnvFile == "" {
		s.Environment = azure.Environment{}
	}
	s.SAS = ""
	if s == (azure.Secrets{}) || s.File == "" && s.Environment == (azure.Environment{Account: s.Environment.Account}) {
		return azure.Credentials{}, nil
	}
	bare, err := azure.ParseURL(r.url.String())
	if err != nil {
		return azure.Credentials{}, err
	}
	return s.Credentials(bare)
}
