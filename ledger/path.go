package ledger

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxSequence is what the ten digits in a path can hold.
const maxSequence = 9_999_999_999

// bucketSize is how many receipts share the last folder of their path. A folder that grew for ever would be written anew, whole, with
// every receipt.
const bucketSize = 1000

// Path is where the receipt is stored: receipts/<year>/<month>/<bucket>/<sequence, ten digits>-<kind>.json, by its time in UTC. The
// bucket is the sequence without its last three digits, so that no folder holds more than a thousand receipts.
func Path(r Receipt) string {
	kind := r.Kind
	if !isKind(kind) {
		kind = "unknown"
	}
	t := r.Time.UTC()
	return fmt.Sprintf("receipts/%04d/%02d/%07d/%010d-%s.json", t.Year(), int(t.Month()), r.Sequence/bucketSize, r.Sequence, kind)
}

var pathForm = regexp.MustCompile(`^receipts/[0-9]{4}/(?:0[1-9]|1[0-2])/([0-9]{7})/([0-9]{10})-([a-z]+)\.json$`)

// receiptNumber is the number in the path of a receipt; ok is false if the path is not one.
func receiptNumber(path string) (number int, ok bool) {
	m := pathForm.FindStringSubmatch(path)
	if m == nil || !strings.HasPrefix(m[2], m[1]) || !isKind(Kind(m[3])) {
		return 0, false
	}
	number, err := strconv.Atoi(m[2])
	return number, err == nil && number > 0
}
