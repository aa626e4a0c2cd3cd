package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

func (w *World) play(s Step) {
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	w.count("step " + string(s.Kind))
	open := w.open()
	some := func(do func(p *pull)) {
		if len(open) > 0 {
			do(pick(rng, open))
		}
	}
	switch s.Kind {
	case Reconcile:
		w.reconcile(rng)
	case Calm:
		w.calm(rng)
	case Ask:
		w.ask(rng, false)
	case AskWell:
		w.askWell(rng)
	case Approve:
		some(func(p *pull) { w.review(p, pick(rng, []string{"carol", "carol", "dan", "alice", "bob"}), "APPROVE") })
	case Object:
		some(func(p *pull) { w.review(p, pick(rng, []string{"carol", "dan"}), "REQUEST_CHANGES") })
	case PushAgain:
		some(func(p *pull) { w.pushAgain(rng, p) })
	case Merge:
		if rng.IntN(6) == 0 {
			w.SetReadLag(1 + rng.IntN(5))
		}
		some(func(p *pull) { w.merge(rng, p) })
	case AdminGrant, AdminEdit, AdminDelete, AdminPoison:
		w.adminGrants(rng, s.Kind)
	case AdminConfig:
		w.adminConfiguration(rng)
	default:
		w.trouble(s.Kind, rng)
	}
}

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

func (w *World) must(err error) {
	if err != nil {
		panic("chaos: " + err.Error())
	}
}

// meanwhile is what people do while a run is under way.
func (w *World) meanwhile(rng *rand.Rand) {
	w.count("meanwhile")
	w.say("meanwhile:")
	switch rng.IntN(4) {
	case 0:
		w.askWell(rng)
	case 1:
		w.adminGrants(rng, AdminEdit)
	case 2:
		w.adminGrants(rng, AdminDelete)
	default:
		if open := w.open(); len(open) > 0 {
			w.merge(rng, pick(rng, open))
		}
	}
}

func (w *World) pass(rng *rand.Rand) {
	by := time.Duration(1+rng.IntN(120)) * time.Minute
	switch rng.IntN(12) {
	case 0:
		by = time.Duration(1+rng.IntN(20)) * time.Second
	case 1:
		by = time.Duration(70+rng.IntN(10)) * time.Hour
	}
	w.Advance(by)
	w.say("%s pass", by)
}

// begin begins the ledger, and nothing goes wrong.
func (w *World) begin() {
	p := w.newProcess(rand.New(rand.NewPCG(w.o.Seed, 2)), w.machines[0], 0)
	p.Init = true
	w.run(p)
	if w.oracle.sequence == 0 {
		w.breaks(Restored, "the ledger did not begin")
	}
}

// reconcile is one run, or several at once; each may meet faults and may be killed.
func (w *World) reconcile(rng *rand.Rand) {
	n := 1
	if w.o.Processes > 1 && rng.IntN(3) > 0 {
		n = 2 + rng.IntN(w.o.Processes-1)
	}
	var all []*Process
	for i := range n {
		m := w.machines[i]
		if n == 1 && rng.IntN(5) == 0 {
			m = w.machines[1]
		}
		p := w.newProcess(rand.New(rand.NewPCG(rng.Uint64(), 3)), m, 0)
		switch rng.IntN(4) {
		case 0:
			p.odds = pick(rng, []int{12, 40, 100, 250, 600})
		case 1, 2:
			p.aim, p.wait = pick(rng, Boundaries()), rng.IntN(6)
			switch { // some a run has few of, and some only where there is something to do
			case strings.HasSuffix(p.aim, "push of main"), strings.HasSuffix(p.aim, "give at a target"), strings.HasSuffix(p.aim, "take at a target"):
				p.wait = 0
			case strings.Contains(p.aim, "push of"), strings.HasSuffix(p.aim, "target"):
				p.wait %= 2
			}
		}
		w.failVault(rng, p)
		all = append(all, p)
	}
	defer w.failForge(rng, all)()
	if n > 1 {
		w.together(rng, all)
	} else {
		w.run(all[0])
		w.overdue(all[0])
	}
	w.accounted()
}

// overdue finds what is past its end after a run that nothing kept from taking it, whatever else was wrong.
func (w *World) overdue(p *Process) {
	if p.isDead() || p.faulty || p.m.skew != 0 {
		return
	}
	held, now := w.held(), p.began
	for h, until := range w.oracle.known {
		if held[h] && !until.IsZero() && !now.Before(until) && w.oracle.wants(now)[h] == nil && !w.oracle.byHand[h] {
			w.breaks(Overdue, "%s was due at %s, and a run at %s left it", h, clockText(until), clockText(now))
		}
	}
}

// run runs one process to its end.
func (w *World) run(p *Process) Ending {
	end := w.o.Reconcile(p.ctx, p)
	p.cancel()
	p.m.proc = nil
	w.secretless("the output", end.Output)
	if p.isDead() {
		w.count("runs killed")
	} else {
		w.count(fmt.Sprintf("runs with exit %d", end.Code))
	}
	w.say("%s leaves with %d%s", p.m.name, end.Code, outline(end.Output))
	return end
}

// outline is an output, indented.
func outline(s string) string {
	return strings.ReplaceAll("\n"+strings.TrimSpace(s), "\n", "\n        ")
}

// together runs several at once, each from boundary to boundary in its turn.
func (w *World) together(rng *rand.Rand, all []*Process) {
	w.turns = newTurns(rand.New(rand.NewPCG(rng.Uint64(), 4)), slices.Clone(all))
	t := w.turns
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			<-t.wait[p]
			w.run(p)
			t.leave(p)
		})
	}
	t.begin()
	wg.Wait()
	w.turns = nil
	w.count("runs at once")
}

func (w *World) failVault(rng *rand.Rand, p *Process) {
	switch rng.IntN(8) {
	case 0:
		p.faults = vaultFaults{down: true, lists: rng.IntN(4)}
	case 1:
		p.faults = vaultFaults{lies: true}
	case 2:
		p.faults = vaultFaults{after: true}
	default:
		return
	}
	p.faulty = true
	w.count("fault of the vault")
}

// failForge breaks something at the forge until the func that it returns is called.
func (w *World) failForge(rng *rand.Rand, all []*Process) func() {
	if rng.IntN(3) > 0 {
		return func() {}
	}
	f := githubtest.Failure{
		Who: stage.Bot, Skip: rng.IntN(8), Times: pick(rng, []int{1, 2, -1}),
		Path: pick(rng, []string{"", "/repos/.*", "/repos/acme/access/pulls/.*", "/repos/acme/access/commits/.*/pulls", "/repos/acme/access/activity",
			"/orgs/acme/teams/.*", "/users/.*", "/acme/access.git/.*", "/acme/access.git/git-receive-pack"}),
	}
	switch rng.IntN(9) {
	case 0, 1:
		f.Status = pick(rng, []int{500, 502, 503})
	case 2:
		f = githubtest.SecondaryLimit(f.Path, 7200)
		f.Times = -1
	case 3:
		f.Status = 404
	case 4:
		f.Status = pick(rng, []int{409, 422})
	case 5:
		f.Cut = true
	case 6:
		f.Keep = 1 + rng.IntN(60)
	case 7:
		f.Cut, f.After = true, true
	default:
		f.Status, f.After = 502, true
	}
	w.say("the forge fails: %+v", f)
	w.count("fault of the forge")
	for _, p := range all {
		p.faulty = true
	}
	return w.Fail(f)
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
