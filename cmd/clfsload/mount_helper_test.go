package main

import (
	"slices"
	"testing"
)

func TestTheMountHelperTakesWhatMountPasses(t *testing.T) {
	for _, c := range []struct {
		args, want []string
		nothing    bool
	}{
		{args: []string{"dir:/srv/c", "/mnt", "-o", "rw"}, want: []string{"mount", "--daemon", "--target=dir:/srv/c", "--", "/mnt"}},
		{args: []string{"none", "/mnt", "-n", "-o", "ro,allow_other,noauto,x-systemd.automount,_netdev", "-t", "fuse.clfsload"},
			want: []string{"mount", "--daemon", "--read-only", "--allow-other", "--", "/mnt"}},
		{args: []string{"-sv", "https://a.example/c", "/mnt", "-o", `state=/var/lib/a\,b,settle=5s`, "-o", "whatever=1,nosuid,credentials_file=/etc/sas"},
			want: []string{"mount", "--daemon", "--state=/var/lib/a,b", "--settle=5s", "--credentials-file=/etc/sas", "--target=https://a.example/c", "--", "/mnt"}},
		{args: []string{"none", "/mnt", "-f"}, want: []string{"mount", "--daemon", "--", "/mnt"}, nothing: true},
	} {
		got, nothing, err := helperArgs(c.args)
		if err != nil || nothing != c.nothing || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q %t %v, not %q", c.args, got, nothing, err, c.want)
		}
	}
}

func TestTheMountHelperRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"none"}, {"none", "/mnt", "-o"}, {"none", "/mnt", "-o", "noexec"}, {"none", "/mnt", "-o", "remount,ro"}, {"none", "/mnt", "-x"}, {"none", "/mnt", "-o", "settle"}, {"a", "b", "c"}} {
		if got, _, err := helperArgs(args); err == nil {
			t.Errorf("%q: taken as %q", args, got)
		}
	}
}
