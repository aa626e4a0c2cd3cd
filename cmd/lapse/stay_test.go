package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/reconciler"
)

// By the wall clock, for real git and HTTP take part: an end that lies between two runs of a schedule is kept to the second, and what
// reaches main meanwhile is given.
func TestA48StayingKeepsAnEndBetweenTwoTicks(t *testing.T) {
	th := newTheatreAt(t, time.Now, nil)
	merged := func(id, who, duration string) {
		th.force(th.ask(who, id, plain("grants/"+id+".yaml", grantWith("user: "+who, "duration: "+duration))))
	}
	merged("first", "alice", "4s")
	th.AdvanceTo(th.Clock().Add(time.Second)) // from here on the server's clock goes with ours
	done := make(chan ending)
	go func() {
		var out, talk bytes.Buffer
		env := th.environment("reconcile", "--for", "15s", "--poll", "1s", "--json")
		env.out, env.err, env.now = &out, &talk, th.Now
		code := run(t.Context(), env)
		done <- ending{code, out.String(), talk.String()}
	}()
	for deadline := time.Now().Add(13 * time.Second); !strings.Contains(th.holders(), "alice"); {
		if time.Now().After(deadline) {
			t.Fatal("nothing was given")
		}
		time.Sleep(20 * time.Millisecond) // another process gives it
	}
	merged("second", "bob", "1h")
	a := <-done
	if a.code != exitFine {
		t.Fatal(a)
	}
	var taken, given int
	for dec := json.NewDecoder(strings.NewReader(a.out)); ; {
		var rep reconciler.Report
		if err := dec.Decode(&rep); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v: %s", err, a)
		}
		given += len(rep.Given)
		for _, o := range rep.Taken {
			taken++
			if o.Overrun > 5*time.Second {
				t.Errorf("%v was taken %s late", o.Holding, o.Overrun)
			}
		}
	}
	if given != 2 || taken != 1 || !strings.Contains(th.holders(), "bob") {
		t.Errorf("%d given, %d taken: %s", given, taken, a)
	}
}
