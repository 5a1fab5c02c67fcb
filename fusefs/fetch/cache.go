package fetch

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"clfsload/fusefs"
	"clfsload/rescue"
)

// A Cache keeps what was fetched last, and fetches what several readers want at the
// same time once. Errors are not kept.
//
// One limit of bytes bounds all that it has: what is being fetched, what was fetched
// ahead and not read yet, and what was read. To fetch ahead, only what was not read
// for a moment makes room: readers of several files do not take away from each other
// what they are about to read.
type Cache[K comparable, V any] struct {
	ctx      context.Context // of the mount: fetches outlive the reader that began them
	limit    int64
	inFlight *semaphore.Weighted
	now      func() time.Time

	mu     sync.Mutex
	used   int64 // bytes of what is kept
	flying int64 // bytes of what is being fetched
	ahead  int64 // bytes of what was fetched ahead and not read yet, or is being fetched so
	items  map[K]*item[K, V]
	order  *list.List // of *item: those that were read, the last one first
	unread *list.List // of *item: those that were fetched ahead, the first one first
}

type item[K comparable, V any] struct {
	key     K
	ready   chan struct{} // closed when value and err are set
	value   V
	err     error
	cost    int64      // while it is fetched, what is expected
	ahead   bool       // nobody has read it yet
	used    time.Time  // when it was read last, or came if it was fetched ahead
	list    *list.List // that it is in; nil while it is fetched
	element *list.Element
}

// A Func gets a value and says how many bytes it takes.
type Func[V any] func(ctx context.Context) (value V, cost int64, err error)

const (
	// patience is how long what was fetched ahead is kept for its reader.
	patience = 10 * time.Second
	// moment is how long what was read is kept from those who fetch ahead.
	moment = time.Second
	// aheadShare: three quarters of the limit are for what is fetched ahead. The rest is for
	// those who wait.
	aheadShare = 4
)

// New makes a cache of limit bytes.
func New[K comparable, V any](ctx context.Context, limit int64) *Cache[K, V] {
	return &Cache[K, V]{ctx: ctx, limit: limit, inFlight: semaphore.NewWeighted(limit), now: time.Now,
		items: map[K]*item[K, V]{}, order: list.New(), unread: list.New()}
}

// Get returns what is kept under key, or fetches it. expected is about how many
// bytes the fetch will bring.
func (c *Cache[K, V]) Get(ctx context.Context, key K, expected int64, f Func[V]) (V, error) {
	it, isNew := c.find(key)
	if isNew {
		go c.fill(it, min(expected, c.limit), f)
	}
	if err := fusefs.Await(ctx, it.ready); err != nil {
		var none V
		return none, err
	}
	return it.value, it.err
}

// Ahead begins to fetch a value that will be wanted soon. It reports false if
// there is no room for that now.
func (c *Cache[K, V]) Ahead(key K, expected int64, f Func[V]) bool {
	expected = min(expected, c.limit)
	it, isNew, room := c.foresee(key, expected)
	if isNew {
		go c.fetch(it, expected, f)
	}
	return room
}

// foresee returns the item of key for Ahead, which has to fetch a new one.
func (c *Cache[K, V]) foresee(key K, expected int64) (it *item[K, V], isNew, room bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, found := c.items[key]; found {
		return it, false, true
	}
	c.expire()
	if c.ahead > 0 && c.ahead+expected > c.limit-c.limit/aheadShare || !c.makeRoom(expected) || !c.inFlight.TryAcquire(expected) {
		return nil, false, false
	}
	it = c.add(key)
	it.ahead = true
	c.ahead += expected
	c.begin(it, expected)
	return it, true, true
}

// makeRoom makes room for so many bytes, if what was not read for a moment is enough for
// that. mu is held.
func (c *Cache[K, V]) makeRoom(bytes int64) bool {
	for c.used+c.flying+bytes > c.limit {
		back := c.order.Back()
		if back == nil || !c.isCold(back) {
			return c.used == 0 && c.flying == 0
		}
		c.remove(back.Value.(*item[K, V]))
	}
	return true
}

// isCold reports whether an item was not read for a moment. mu is held.
func (c *Cache[K, V]) isCold(e *list.Element) bool {
	return c.now().Sub(e.Value.(*item[K, V]).used) > moment
}

// expire takes what was fetched ahead in vain for what was read long ago. mu is held.
func (c *Cache[K, V]) expire() {
	for e := c.unread.Front(); e != nil; e = c.unread.Front() {
		it := e.Value.(*item[K, V])
		if c.now().Sub(it.used) < patience {
			return
		}
		c.wasRead(it)
		c.order.MoveToBack(it.element)
	}
}

// Peek returns what is kept under key, without waiting for it.
func (c *Cache[K, V]) Peek(key K) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, ok := c.items[key]; ok && it.list != nil {
		return it.value, true
	}
	return value, false
}

// Passed says that what is kept under key will hardly be read again.
func (c *Cache[K, V]) Passed(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, ok := c.items[key]; ok && it.list == c.order {
		it.used = time.Time{}
		c.order.MoveToBack(it.element)
	}
}

// Drop gives up what is kept under key if that is outdated, and returns it.
func (c *Cache[K, V]) Drop(key K, outdated func(V) bool) (value V, dropped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, found := c.items[key]
	if !found || it.list == nil || !outdated(it.value) {
		return value, false
	}
	c.remove(it)
	return it.value, true
}

// Keep keeps a value that was fetched together with another one.
func (c *Cache[K, V]) Keep(key K, value V, cost int64) {
	if it, isNew := c.find(key); isNew {
		it.value = value
		c.finish(it, cost, nil)
	}
}

// Has reports whether a value is kept under key, or being fetched.
func (c *Cache[K, V]) Has(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found := c.items[key]
	return found
}

// find returns the item of key, which is read now. Whoever gets a new one has to fill it.
func (c *Cache[K, V]) find(key K) (it *item[K, V], isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, found := c.items[key]; found {
		c.wasRead(it)
		if it.list != nil {
			it.used = c.now()
			c.order.MoveToFront(it.element)
		}
		return it, false
	}
	return c.add(key), true
}

// add makes an item. mu is held.
func (c *Cache[K, V]) add(key K) *item[K, V] {
	it := &item[K, V]{key: key, ready: make(chan struct{})}
	c.items[key] = it
	return it
}

// wasRead notes that an item is no longer ahead of its reader. mu is held.
func (c *Cache[K, V]) wasRead(it *item[K, V]) {
	if !it.ahead {
		return
	}
	it.ahead = false
	c.ahead -= it.cost
	if it.list != nil {
		c.unread.Remove(it.element)
		it.list, it.element = c.order, c.order.PushFront(it)
	}
}

// begin counts an item as being fetched. mu is held.
func (c *Cache[K, V]) begin(it *item[K, V], expected int64) {
	it.cost = expected
	c.flying += expected
	c.evict()
}

// fill fetches an item when there is room for it.
func (c *Cache[K, V]) fill(it *item[K, V], expected int64, f Func[V]) {
	if err := c.inFlight.Acquire(c.ctx, expected); err != nil {
		c.finish(it, 0, err)
		return
	}
	c.mu.Lock()
	c.begin(it, expected)
	c.mu.Unlock()
	c.fetch(it, expected, f)
}

// fetch fetches an item. Its room in flight is taken already.
func (c *Cache[K, V]) fetch(it *item[K, V], expected int64, f Func[V]) {
	defer c.inFlight.Release(expected)
	var cost int64
	err := rescue.Call(func() (err error) {
		it.value, cost, err = f(c.ctx)
		return err
	})
	c.finish(it, cost, err)
}

// finish keeps an item, and drops others to make room for it.
func (c *Cache[K, V]) finish(it *item[K, V], cost int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(it.ready)
	c.flying -= it.cost
	if it.ahead {
		c.ahead -= it.cost
	}
	it.cost, it.err = cost, err
	if err != nil {
		delete(c.items, it.key)
		return
	}
	c.used += cost
	it.used = c.now()
	if it.ahead {
		c.ahead += cost
		it.list, it.element = c.unread, c.unread.PushBack(it)
	} else {
		it.list, it.element = c.order, c.order.PushFront(it)
	}
	c.evict()
}

// evict drops what is too much, but for the last item. mu is held.
func (c *Cache[K, V]) evict() {
	for c.used+c.flying > c.limit && c.order.Len()+c.unread.Len() > 1 {
		c.remove(c.victim().Value.(*item[K, V]))
	}
}

// victim is what was not read for longest, or, if that is in use, what was fetched ahead
// farthest. mu is held.
func (c *Cache[K, V]) victim() *list.Element {
	back := c.order.Back()
	if farthest := c.unread.Back(); farthest != nil && (back == nil || !c.isCold(back)) {
		return farthest
	}
	return back
}

// remove drops a kept item. mu is held.
func (c *Cache[K, V]) remove(it *item[K, V]) {
	delete(c.items, it.key)
	it.list.Remove(it.element)
	c.used -= it.cost
	if it.ahead {
		c.ahead -= it.cost
	}
}
