package export

import "sync"

// openFolders are the folders that a walk has entered. A walk that ends early does not leave them.
type openFolders struct {
	mu  sync.Mutex
	set map[*folder]bool
}

func (o *openFolders) add(f *folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = make(map[*folder]bool)
	}
	o.set[f] = true
}

func (o *openFolders) remove(f *folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.set, f)
}

// close releases the folders.
func (o *openFolders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for f := range o.set {
		f.release()
	}
	o.set = nil
}
