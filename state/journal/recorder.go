package journal

// Recorder gathers what the changes of a group do, for the redo log: operations, each
// with its arguments. What they mean is the client's business.
type Recorder struct {
	Codec
	On bool // the change that is being made is to be recorded
}

// Begin begins the record of a group.
func (r *Recorder) Begin() { r.Data = r.Data[:0] }

// IsEmpty reports whether nothing was recorded.
func (r *Recorder) IsEmpty() bool { return len(r.Data) == 0 }

// Operation begins an operation.
func (r *Recorder) Operation(op int) { Number(&r.Codec, &op) }

// Statement records a statement that was executed.
func (r *Recorder) Statement(op int, args []any) error {
	if !r.On {
		return nil
	}
	r.Operation(op)
	for i := range args {
		if err := r.Value(&args[i]); err != nil {
			return err
		}
	}
	return nil
}
