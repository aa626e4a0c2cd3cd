package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// opened is a stored file that was read, and what came of verifying it with the keys that were known then. Whether its key is trusted at
// its place is for [Book.admit].
type opened struct {
	file
	data    []byte // of one that was just made
	sum     string // digest of the file; "": it cannot be read
	unknown string // the key that it names and that is not known: it may be, by the time its place is reached
	receipt Receipt
	by      signedBy
	proven  time.Time // when the signature is known to have been there; only where a certificate came with it
	err     error
}

// errUnknownKey: signed by a key that may not sign receipts.
var errUnknownKey = errors.New("which may not sign receipts")

func notTrusted(id string) error { return unknownKey{id} }

// unknownKey is errUnknownKey of one key.
type unknownKey struct{ id string }

func (e unknownKey) Error() string { return fmt.Sprintf("signed by %.100q, %v", e.id, errUnknownKey) }
func (e unknownKey) Unwrap() error { return errUnknownKey }

// openAll reads and verifies files on every processor: that is nearly all the work of reading a ledger, and each is a matter of its own.
//
// Anyone may push there. What one push of a few kilobytes can put at thousands of paths, as the same object, is read once; and nothing that
// was read is kept, or what is to be taken would wait for a machine with more memory.
func openAll(fsys fs.FS, files []file, t Trust, vs Verifiers) []opened {
	all := make([]opened, len(files))
	first := map[string]int{}
	var once []int
	for i, f := range files {
		all[i].file = f
		if _, again := first[f.object]; f.object != "" && again {
			continue
		}
		first[f.object] = i
		once = append(once, i)
	}
	onEveryProcessor(len(once), func(i int) { all[once[i]].read(fsys, t, vs) })
	for i, f := range files {
		if at := first[f.object]; f.object != "" && at != i {
			all[i] = all[at]
			all[i].file = f
		}
	}
	return all
}

// openAgain verifies those whose key was not known, where it has become known.
func openAgain(fsys fs.FS, all []opened, t Trust, vs Verifiers) {
	onEveryProcessor(len(all), func(i int) {
		if _, known := vs.ByID(all[i].unknown); known && all[i].unknown != "" {
			all[i].read(fsys, t, vs)
		}
	})
}

func (o *opened) read(fsys fs.FS, t Trust, vs Verifiers) {
	data, err := readSmall(fsys, o.path, maxEnvelope)
	if err != nil {
		o.err = fmt.Errorf("cannot be read: %w", err)
		return
	}
	o.sum = grants.Digest(data)
	o.verify(data, t, vs)
}

func (o *opened) verify(data []byte, t Trust, vs Verifiers) {
	payload, by, err := t.open(data, PayloadType, vs)
	if err == nil {
		o.receipt, err = decodeStatement(payload)
	}
	o.by, o.err, o.unknown = by, err, ""
	var unknown unknownKey
	if errors.As(err, &unknown) {
		o.unknown = unknown.id
	}
}

// prove tells, for each receipt that came with a certificate, by when it was signed, which is when its certificate must have been good.
//
// One timestamp for each append is enough, on its last receipt. The timestamp is over that receipt's signature, which is over the
// digest of the whole stored receipt before it, its signature included, and so on: who held that signature at the time of the
// timestamp had all of those before it. So a chain of receipts without a timestamp was signed by the time of the first that has one.
// Somebody who gets hold of a run's key after its certificate ran out can sign, but get no timestamp of then: whatever timestamp comes
// after his receipts is of a time when that certificate was no longer good.
func prove(all []opened) {
	for i := len(all) - 1; i >= 0; i-- {
		o := &all[i]
		switch {
		case o.err != nil || o.by.bundle == nil:
		case !o.by.bundle.Stamped.IsZero():
			o.proven = o.by.bundle.Stamped
		case i+1 < len(all) && all[i+1].receipt.Previous == o.sum:
			o.proven = all[i+1].proven
		}
	}
}

// who is the one of vs that signed it.
func (o *opened) who(t Trust, vs Verifiers) (Verifier, error) {
	if o.err != nil {
		return Verifier{}, o.err
	}
	if o.by.bundle != nil {
		return t.of(o.by.bundle, o.proven, vs)
	}
	if !vs.has(o.by.key) {
		return Verifier{}, notTrusted(o.by.key.ID)
	}
	return o.by.key, nil
}

// onEveryProcessor calls do for 0 to n-1, in no order, and returns when all is done.
func onEveryProcessor(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
}
