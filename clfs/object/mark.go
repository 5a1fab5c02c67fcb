package object

import "strconv"

// A Mark says which publication a container holds and which STATE made it. It
// is a set of clfsload's own attributes in the bucket object
// (docs/clfs-format.md section 6):
//
//	clfsloadMark a UUID | clfsloadPublication a decimal number |
//	clfsloadTime RFC 3339, UTC | clfsloadState host:path | clfsloadOpen mount or load |
//	clfsloadRange a decimal number
//
// clfsloadOpen is left out once nothing of that STATE waits for a publication.
type Mark struct {
	ID          string // drawn for each publication, and each time that STATE goes on
	Publication uint64 // counted by STATE from 1; 0: STATE has not published yet
	Time        string // when it began: RFC 3339, UTC
	State       string // host and path of STATE, for people; valid UTF-8
	// Open is what may have blobs in the container that the next publication leads to:
	// OpenMount or OpenLoad; empty: nothing.
	Open string
	// Range is the next range of inode numbers that a journal gets when it adopts the
	// container; 0: the first.
	Range uint32
}

// What a mark says of a STATE that is not finished with the container.
const (
	OpenMount = "mount"
	OpenLoad  = "load"
)

const (
	markPrefix         = "clfsload"
	markIDKey          = markPrefix + "Mark"
	markPublicationKey = markPrefix + "Publication"
	markTimeKey        = markPrefix + "Time"
	markStateKey       = markPrefix + "State"
	markOpenKey        = markPrefix + "Open"
	markRangeKey       = markPrefix + "Range"
)

// attrs are the attributes of a mark, in their order; none for nil.
func (m *Mark) attrs() []ExtAttr {
	if m == nil {
		return nil
	}
	list := []ExtAttr{
		{markIDKey, m.ID},
		{markPublicationKey, strconv.FormatUint(m.Publication, 10)},
		{markTimeKey, m.Time},
		{markStateKey, m.State},
	}
	if m.Open != "" {
		list = append(list, ExtAttr{markOpenKey, m.Open})
	}
	if m.Range != 0 {
		list = append(list, ExtAttr{markRangeKey, strconv.FormatUint(uint64(m.Range), 10)})
	}
	return list
}

// takeMark takes the attributes of a mark out of a list. Without an ID there is
// no mark. The number is for people alone: one that makes no sense counts as 0.
func takeMark(list []ExtAttr) (m *Mark, others []ExtAttr) {
	values := map[string]string{}
	for _, a := range list {
		switch a.Key {
		case markIDKey, markPublicationKey, markTimeKey, markStateKey, markOpenKey, markRangeKey:
			values[a.Key] = a.Value
		default:
			others = append(others, a)
		}
	}
	if values[markIDKey] == "" {
		return nil, others
	}
	m = &Mark{ID: values[markIDKey], Time: values[markTimeKey], State: values[markStateKey], Open: values[markOpenKey]}
	m.Publication, _ = strconv.ParseUint(values[markPublicationKey], 10, 64)
	number, _ := strconv.ParseUint(values[markRangeKey], 10, 32)
	m.Range = uint32(number)
	return m, others
}
