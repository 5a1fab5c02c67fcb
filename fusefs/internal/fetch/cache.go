package fetch

import (
	"container/list"
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"clfsload/rescue"
)

// A Cache keeps what was fetched last, up to a number of bytes, and fetches what
// several readers want at the same time once. Errors are not kept.
type Cache[K comparable, V any] struct {
	ctx      context.Context // of the mount: fetches outlive the reader that began them
	limit    int64           // bytes of what is kept
	inFlight *semaphore.Weighted

	mu    sync.Mutex
	used  int64
	items map[K]*item[K, V]
	order *list.List // of *item, the last used first; without those being fetched
}

type item[K comparable, V any] struct {
	key     K
	ready   chan struct{} // closed when value and err are set
	value   V
	err     error
	cost    int64
	element *list.Element
}

// A Func gets a value and says how many bytes it takes.
type Func[V any] func(ctx context.Context) (value V, cost int64, err error)

// New makes a cache that keeps limit bytes, and fetches values of as many
// bytes together at a time.
func New[K comparable, V any](ctx context.Context, limit int64) *Cache[K, V] {
	return &Cache[K, V]{ctx: ctx, limit: limit, inFlight: semaphore.NewWeighted(limit), items: map[K]*item[K, V]{}, order: list.New()}
}

// Get returns what is kept under key, or fetches it. expected is about how many
// bytes the fetch will bring.
func (c *Cache[K, V]) Get(ctx context.Context, key K, expected int64, f Func[V]) (V, error) {
	it, isNew := c.find(key)
	if isNew {
		go c.fill(it, expected, f)
	}
	if err := Outlive(ctx, it.ready); err != nil {
		var none V
		return none, err
	}
	return it.value, it.err
}

// Ahead begins to fetch a value that will be wanted soon. It reports false if
// there is no room for that now.
func (c *Cache[K, V]) Ahead(key K, expected int64, f Func[V]) bool {
	if c.Has(key) {
		return true
	}
	if !c.inFlight.TryAcquire(min(expected, c.limit)) {
		return false
	}
	it, isNew := c.find(key)
	if !isNew {
		c.inFlight.Release(min(expected, c.limit))
		return true
	}
	go c.fetch(it, expected, f)
	return true
}

// Peek returns what is kept under key, without waiting for it.
func (c *Cache[K, V]) Peek(key K) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, ok := c.items[key]; ok && it.element != nil {
		return it.value, true
	}
	return value, false
}

// Drop gives up what is kept under key if that is outdated, and returns it.
func (c *Cache[K, V]) Drop(key K, outdated func(V) bool) (value V, dropped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, found := c.items[key]
	if !found || it.element == nil || !outdated(it.value) {
		return value, false
	}
	c.remove(it)
	return it.value, true
}

// Keep keeps a value that was fetched together with another one.
func (c *Cache[K, V]) Keep(key K, value V, cost int64) {
	if it, isNew := c.find(key); isNew {
		it.value, it.cost = value, cost
		c.settle(it)
	}
}

// Has reports whether a value is kept under key, or being fetched.
func (c *Cache[K, V]) Has(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found := c.items[key]
	return found
}

// find returns the item of key. Whoever gets a new one has to fill it.
func (c *Cache[K, V]) find(key K) (it *item[K, V], isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, found := c.items[key]; found {
		if it.element != nil {
			c.order.MoveToFront(it.element)
		}
		return it, false
	}
	it = &item[K, V]{key: key, ready: make(chan struct{})}
	c.items[key] = it
	return it, true
}

// fill fetches an item when there is room for it.
func (c *Cache[K, V]) fill(it *item[K, V], expected int64, f Func[V]) {
	if err := c.inFlight.Acquire(c.ctx, min(expected, c.limit)); err != nil {
		it.err = err
		c.settle(it)
		return
	}
	c.fetch(it, expected, f)
}

// fetch fetches an item. Its room in flight is taken already.
func (c *Cache[K, V]) fetch(it *item[K, V], expected int64, f Func[V]) {
	defer c.inFlight.Release(min(expected, c.limit))
	it.err = rescue.Call(func() (err error) {
		it.value, it.cost, err = f(c.ctx)
		return err
	})
	c.settle(it)
}

// settle keeps an item, and drops what was not used for longest.
func (c *Cache[K, V]) settle(it *item[K, V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(it.ready)
	if it.err != nil {
		delete(c.items, it.key)
		return
	}
	it.element = c.order.PushFront(it)
	c.used += it.cost
	for c.used > c.limit && c.order.Len() > 1 {
		c.remove(c.order.Back().Value.(*item[K, V]))
	}
}

// remove forgets an item that is kept.
func (c *Cache[K, V]) remove(it *item[K, V]) {
	c.order.Remove(it.element)
	delete(c.items, it.key)
	c.used -= it.cost
}
