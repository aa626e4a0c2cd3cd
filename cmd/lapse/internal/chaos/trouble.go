package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// trouble is what somebody does to history, machines and clocks.
func (w *World) trouble(kind Kind, rng *rand.Rand) {
	m := w.machines[0]
	switch kind {
	case RewindMain:
		w.rewindMain(rng)
	case MendMain:
		w.mendMain(rng)
	case SpoilLedger:
		w.spoilLedger(rng)
	case MendLedger:
		w.mendLedger()
	case HandGive, HandTake:
		w.hand(rng, kind == HandGive)
	case Leave:
		w.leave(rng)
	case Pass:
		w.pass(rng)
	case Skew:
		m.skew = time.Duration(pick(rng, []int{0, 0, 60, -60, -100, 1800, -7200})) * time.Second
		w.say("the clock of %s is off by %s", m.name, m.skew)
	case LoseMachine:
		w.say("%s is a new machine", m.name)
		w.must(os.RemoveAll(m.dir))
	case DamageMachine:
		w.damage(rng, m)
	}
}

// rewindMain forces main back past some commits.
func (w *World) rewindMain(rng *rand.Rand) {
	to := w.mainTip
	for range 1 + rng.IntN(3) {
		if _, parents := w.git.commit(to); len(parents) > 0 && w.lostMain == "" {
			to = parents[0]
		}
	}
	if to == w.mainTip || w.As(mallory).ForcePush(stage.Repo, "main", to) != nil {
		return
	}
	w.SetReadLag(0) // else the forge's record may not tell of it yet, and nobody could know
	w.say("mallory rewinds main from %.12s to %.12s", w.mainTip, to)
	w.lostMain, w.mainTip = w.mainTip, to
	w.oracle.wander(w.main())
}

// mendMain puts back what main lost, or leaves it out for good, as the product's own words tell.
func (w *World) mendMain(rng *rand.Rand) {
	if w.lostMain == "" {
		return
	}
	lost := w.lostMain
	w.lostMain = ""
	if w.git.isAncestor(w.mainTip, lost) && rng.IntN(3) > 0 {
		w.must(w.As(mallory).ForcePush(stage.Repo, "main", lost))
		w.say("mallory puts main back to %.12s", lost)
		w.mainTip = lost
		w.oracle.wander(w.main())
		return
	}
	_, err := w.As(mallory).Push(stage.Repo, "main", githubtest.Commit{Parents: []string{lost}, Message: "Leave it out"})
	w.must(err)
	w.say("mallory leaves %.12s out for good", lost)
	w.leftOut = true
	w.moved(nil, w.Clock())
}

// spoilLedger forces the ledger back, deletes it, or puts something else there.
func (w *World) spoilLedger(rng *rand.Rand) {
	_, parents := w.git.commit(w.ledgerTip)
	if w.goodLedger != "" || w.ledgerTip == "" || len(parents) == 0 {
		return
	}
	w.goodLedger = w.ledgerTip
	admin := w.As(mallory)
	switch rng.IntN(3) {
	case 0:
		w.say("mallory deletes the ledger")
		w.must(admin.DeleteBranch(stage.Repo, "lapse-ledger"))
	case 1:
		w.say("mallory rewinds the ledger")
		w.must(admin.ForcePush(stage.Repo, "lapse-ledger", parents[0]))
	default:
		w.say("mallory forks the ledger")
		_, err := admin.Push(stage.Repo, "lapse-ledger", githubtest.Commit{Base: parents[0], Files: map[string]string{"state.json": "{}\n"}, Message: "Mine"})
		w.must(err)
	}
	w.ledgerTip = w.Branch(stage.Repo, "lapse-ledger")
}

func (w *World) mendLedger() {
	if w.goodLedger == "" {
		return
	}
	w.must(w.As(mallory).ForcePush(stage.Repo, "lapse-ledger", w.goodLedger))
	w.say("mallory puts the ledger back")
	w.ledgerTip, w.goodLedger = w.goodLedger, ""
}

// damage leaves on a machine what a process leaves there that is killed while it writes.
func (w *World) damage(rng *rand.Rand, m *machine) {
	var answers []string
	git := ""
	w.must(filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "git":
			git = path
			return filepath.SkipDir
		case !d.IsDir() && strings.Contains(path, "/answers/"):
			answers = append(answers, path)
		}
		return nil
	}))
	leave := func(path, text string) {
		w.must(os.MkdirAll(filepath.Dir(path), 0o700))
		w.must(os.WriteFile(path, []byte(text), 0o600))
		w.say("on %s there is half a %s", m.name, filepath.Base(path))
	}
	switch what := rng.IntN(5); {
	case git == "":
	case what == 0 && len(answers) > 0:
		path := pick(rng, answers)
		data, err := os.ReadFile(path)
		w.must(err)
		leave(path, string(data[:rng.IntN(len(data)+1)]))
	case what <= 1:
		leave(git+"/objects/pack/tmp_pack_42", "PACK")
	case what == 2:
		leave(git+"/ref-42.tmp", "83e1")
	case what == 3: // killed before the first run had made it
		w.must(os.RemoveAll(git))
		leave(git+".new/HEAD", "ref: ")
	default:
		leave(git+"/objects/pack/tmp_obj_42", "x")
	}
}
