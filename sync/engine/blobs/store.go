package blobs

import (
	"context"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// Traffic counts what was put. It only grows.
type Traffic struct {
	Blobs atomic.Int64 // blobs put
	Sent  atomic.Int64 // bytes of blobs put
}

// Store puts the objects of a container, and reads them back.
type Store struct {
	journal   *state.Journal
	container blob.Container
	tree      *tree.Tree
	warning   func(path, text string) // may be nil
	traffic   *Traffic
	fetching  *semaphore.Weighted
	bases     *lru.Cache[baseKey, *object.Inode]
}

// New returns a store for the container of a journal. t reads the container as other
// programs have made it. warning, if any, is called for attributes that are changed to fit the format.
func New(j *state.Journal, c blob.Container, t *tree.Tree, warning func(path, text string), traffic *Traffic) (*Store, error) {
	bases, err := lru.New[baseKey, *object.Inode](basesKept)
	return &Store{journal: j, container: c, tree: t, warning: warning, traffic: traffic,
		fetching: semaphore.NewWeighted(fetches), bases: bases}, err
}

// Put stores one blob.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	err := s.container.Put(ctx, name, data)
	s.countPut(data, err)
	return err
}

// PutInReach is Put for what readers use from then on: a new version of an inode that is
// published, the root, the bucket object. A power cut leaves all of it or nothing. What
// it refers to must be durable.
func (s *Store) PutInReach(ctx context.Context, name string, data []byte) error {
	err := blob.PutWhole(ctx, s.container, name, data)
	s.countPut(data, err)
	return err
}

func (s *Store) countPut(data []byte, err error) {
	if err == nil {
		s.traffic.Blobs.Add(1)
		s.traffic.Sent.Add(int64(len(data)))
	}
}
