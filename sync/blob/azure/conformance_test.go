package azure_test

import (
	"testing"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/sync/blob/blobtest"
	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

// open opens a container of Azurite with what secrets give.
func open(t testing.TB, url string, secrets azure.Secrets) *azure.Container {
	t.Helper()
	u, err := azure.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := secrets.Credentials(u)
	if err != nil {
		t.Fatal(err)
	}
	c, err := azure.Open(azure.Config{URL: u, Credentials: cred})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testPage is the size of pages in listings, so that several of them are soon filled.
const testPage = 100

func TestConformanceOnAzurite(t *testing.T) {
	s := azurite.Start(t)
	blobtest.TestPaged(t, testPage, func(t *testing.T) blob.Container {
		name := s.NewContainer(t)
		c := open(t, s.ContainerURL(name)+"?"+s.SAS(t, name), azure.Secrets{})
		c.SetPageSize(testPage)
		return c
	})
}

func TestConformanceOnBlobserver(t *testing.T) {
	blobtest.TestContainer(t, func(t *testing.T) blob.Container {
		return open(t, blobserver.Start(t).NewContainer("data")+"?sig=any", azure.Secrets{})
	})
}
