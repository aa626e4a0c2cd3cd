package chaos

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/ledger"
)

// World is everything outside of the processes under test: the forge, the targets, the machines, the people; and the oracle that watches.
type World struct {
	*stage.Stage
	o        Options
	vault    string // path of the file
	git      *objects
	front    *front
	oracle   *oracle
	machines []*machine
	pulls    []*pull
	serial   int // of what is made up: branches, notes

	mainTip, ledgerTip string // as last seen on the remote
	lostMain           string // the tip that main lost; "" if none
	leftOut            bool   // what main lost was left out for good; the run that finds what that ended gives nothing
	nobody             bool   // the forge says of accounts that are there that they are not, which nobody can tell from the truth
	goodLedger         string // where the ledger must be put back to; "" if it was not spoilt
	snapshots          map[string]snapshot
	rendered           map[string]configuration // by the text of its files
	effects            sync.Mutex
	turns              *turns // of several processes at once; nil: one alone

	mu     sync.Mutex // of what is below: target calls of one process may come side by side
	broken *Violation
	counts map[string]int
	trace  []string
	step   int
}

// machine is where a process runs: what is left there by the one before it, and a clock.
type machine struct {
	name string
	dir  string
	skew time.Duration
	proc *Process
}

const mallory = "mallory" // an admin

// secrets are what must be in no output.
func (w *World) secrets() []string {
	lines := strings.Split(string(w.Key), "\n")
	return []string{w.Token(stage.Bot), lines[1]}
}

func newWorld(o Options) (*World, error) {
	w := &World{o: o, vault: filepath.Join(o.Dir, "vault.json"), snapshots: map[string]snapshot{}, rendered: map[string]configuration{}, counts: map[string]int{}}
	key, private := keyOf(o.Seed)
	files := fixed()
	for path, text := range w.render(configuration{}) {
		files[path] = text
	}
	files[ledger.TrustDir+"/lapse.pub"] = key
	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var err error
	if w.Stage, err = stage.New(o.Dir, func() time.Time { return began }, nil, files); err != nil {
		return nil, err
	}
	w.Key = private
	if w.git, err = openObjects(w.RepoDir(stage.Repo)); err != nil {
		return nil, errors.Join(err, w.Stage.Close())
	}
	w.oracle = newOracle(w)
	if w.front, err = openFront(w); err != nil {
		return nil, errors.Join(err, w.git.close(), w.Stage.Close())
	}
	for i := range max(2, o.Processes) {
		name := fmt.Sprintf("m%d", i)
		w.machines = append(w.machines, &machine{name: name, dir: filepath.Join(o.Dir, name)})
	}
	w.mainTip = w.Branch(stage.Repo, "main")
	return w, nil
}

func (w *World) close() error {
	return errors.Join(w.front.close(), w.git.close(), w.Stage.Close())
}

// keyOf is a key that the seed alone decides, so that a history has the same hashes each time.
func keyOf(seed uint64) (public string, private []byte) {
	sum := sha256.Sum256(fmt.Appendf(nil, "chaos %d", seed))
	key := ed25519.NewKeyFromSeed(sum[:])
	der, err := x509.MarshalPKCS8PrivateKey(key)
	pub, err2 := x509.MarshalPKIXPublicKey(key.Public())
	if err := errors.Join(err, err2); err != nil {
		panic("chaos: a key that cannot be encoded: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (w *World) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *World) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, fmt.Sprintf("%3d %s ", w.step, clockText(w.Clock()))+fmt.Sprintf(format, args...))
}

// breaks notes that a rule was broken; the first that was is what the history shows.
func (w *World) breaks(rule Rule, format string, args ...any) {
	w.say("BROKEN: "+string(rule)+": "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		w.broken = &Violation{Rule: rule, Text: fmt.Sprintf(format, args...), Step: w.step}
	}
}

func (w *World) secretless(where, text string) {
	for i, s := range w.secrets() {
		if strings.Contains(text, s) {
			w.breaks(Secrets, "%s holds secret %d", where, i+1)
		}
	}
}

// alone says whether one process ran at a time, so that nobody else can have changed a target meanwhile.
func (w *World) alone() bool { return w.turns == nil }

func (w *World) render(c configuration) map[string]string {
	files := c.files(w.vault, w.o.One)
	w.rendered[files["lapse.yaml"]+files["people.yaml"]+files["roles/db.yaml"]] = c
	return files
}

// snapshot is what main holds at a commit.
func (w *World) snapshot(sha string) snapshot {
	if s, ok := w.snapshots[sha]; ok {
		return s
	}
	s := snapshot{grants: map[string]file{}}
	tree, _ := w.git.commit(sha)
	text := map[string]string{}
	for _, c := range w.git.diff("", tree) {
		id, isGrant := strings.CutPrefix(c.path, "grants/")
		switch {
		case isGrant && strings.HasSuffix(id, ".yaml"):
			_, data := w.git.get(c.after)
			s.grants[strings.TrimSuffix(id, ".yaml")] = parseFile(string(data))
		case isGrant && id != ".gitkeep":
			s.other = true
		case c.path == "lapse.yaml" || c.path == "people.yaml" || c.path == "roles/db.yaml":
			_, data := w.git.get(c.after)
			text[c.path] = string(data)
		}
	}
	s.configuration, s.known = w.rendered[text["lapse.yaml"]+text["people.yaml"]+text["roles/db.yaml"]]
	if !s.known {
		panic("chaos: main has a configuration that nobody wrote at " + sha)
	}
	w.snapshots[sha] = s
	return s
}

func (w *World) main() snapshot { return w.snapshot(w.mainTip) }

// moved takes account of where somebody's step left main, if it is elsewhere.
func (w *World) moved(p *pull, at time.Time) {
	tip := w.Branch(stage.Repo, "main")
	if tip == w.mainTip {
		return
	}
	before := w.main()
	w.mainTip = tip
	w.oracle.arrive(&arrival{tip: tip, before: before, after: w.snapshot(tip), pull: p, at: at})
	if w.lostMain != "" && w.git.isAncestor(w.lostMain, tip) { // a branch that was made before had it
		w.lostMain, w.leftOut = "", true
	}
}

// held is who holds what at all targets now.
func (w *World) held() map[holding]bool {
	out := map[holding]bool{}
	data, err := os.ReadFile(w.Vault)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic("chaos: " + err.Error())
	}
	for h := range parseVault(data) {
		out[h] = true
	}
	for _, login := range append(w.Members(stage.Org, "prod-oncall"), w.Invited(stage.Org, "prod-oncall")...) {
		out[holding{"github/prod-oncall", login}] = true
	}
	return out
}

func (w *World) loginOf(account string) string {
	for _, p := range everybody {
		if fmt.Sprint(p.id) == account {
			return p.login
		}
	}
	return account
}

// accounted is what must hold whenever anybody looks: Lapse gave nothing that no receipt on the remote knows.
func (w *World) accounted() {
	for h := range w.held() {
		if _, known := w.oracle.known[h]; !known && !w.oracle.byHand[h] {
			w.breaks(Intent, "%s is held, and no receipt on the remote knows of it", h)
		}
	}
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func sorted(m map[string]file) []string {
	var out []string
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

type vaultFile struct {
	Version  int                       `json:"version"`
	Holdings map[string][]vaultAccount `json:"holdings"`
}

type vaultAccount struct {
	Account string    `json:"account"`
	Until   time.Time `json:"until,omitzero"`
}

func parseVault(data []byte) map[holding]bool {
	out := map[holding]bool{}
	var v vaultFile
	if len(data) > 0 {
		if err := json.Unmarshal(data, &v); err != nil {
			panic("chaos: the vault: " + err.Error())
		}
	}
	for name, accounts := range v.Holdings {
		for _, a := range accounts {
			out[holding{"vault/" + name, a.Account}] = true
		}
	}
	return out
}

// editVault does what a person does with an editor.
func (w *World) editVault(edit func(v *vaultFile)) {
	data, err := os.ReadFile(w.Vault)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic("chaos: " + err.Error())
	}
	v := vaultFile{Version: 1, Holdings: map[string][]vaultAccount{}}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &v); err != nil {
			panic("chaos: the vault: " + err.Error())
		}
	}
	edit(&v)
	if data, err = json.Marshal(v); err == nil {
		err = os.WriteFile(w.Vault, data, 0o644)
	}
	if err != nil {
		panic("chaos: " + err.Error())
	}
}
