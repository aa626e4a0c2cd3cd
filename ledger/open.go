package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
)

// opened is a stored file that was read, and what came of verifying it with the keys that were known then. Whether its key is trusted at
// its place is for [Book.admit].
type opened struct {
	file
	data    []byte // while its key is not known: it may be, by the time its place is reached
	sum     string // digest of the file; "": it cannot be read
	receipt Receipt
	key     string // ID of the one that signed it
	err     error
}

// errUnknownKey: signed by a key that may not sign receipts.
var errUnknownKey = errors.New("which may not sign receipts")

func notTrusted(id string) error { return fmt.Errorf("signed by %.100q, %w", id, errUnknownKey) }

// openAll reads and verifies files on every processor: that is nearly all the work of reading a ledger, and each is a matter of its own.
func openAll(fsys fs.FS, files []file, vs Verifiers) []opened {
	all := make([]opened, len(files))
	onEveryProcessor(len(files), func(i int) {
		o := &all[i]
		o.file = files[i]
		data, err := readSmall(fsys, o.path, maxEnvelope)
		if err != nil {
			o.err = fmt.Errorf("cannot be read: %w", err)
			return
		}
		o.data, o.sum = data, digest(data)
		o.verify(vs)
	})
	return all
}

// openAgain verifies those whose key was not known, after others have become known.
func openAgain(all []opened, vs Verifiers) {
	onEveryProcessor(len(all), func(i int) {
		if all[i].data != nil {
			all[i].verify(vs)
		}
	})
}

func (o *opened) verify(vs Verifiers) {
	r, v, err := unseal(o.data, vs)
	o.receipt, o.key, o.err = r, v.ID, err
	if !errors.Is(err, errUnknownKey) {
		o.data = nil
	}
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
