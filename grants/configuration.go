package grants

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-access/lapse/names"
)

// Defaults of lapse.yaml.
const (
	defaultBranch                 = "main"
	defaultMaxDuration            = 24 * time.Hour
	defaultApprovalTTL            = 72 * time.Hour
	defaultUnexplainedRevocations = 10
	defaultWatch                  = 7 * 24 * time.Hour // somebody's week off and the Monday after it
)

// LoadConfiguration reads lapse.yaml, people.yaml and roles/ and never fails as a whole: what is wrong is in Problems, and
// what depends on it is absent. A target, person or role with problems is absent alone. Usable is false where anything
// else in lapse.yaml or people.yaml is wrong; then no request can be judged, but the targets that could be read are there,
// so that access can still be taken back.
func LoadConfiguration(fsys fs.FS, types Types) *Configuration {
	l := &loading{fsys: fsys, types: types, c: &Configuration{Roles: map[string]Role{}}}
	l.usable = true
	config, configFile := l.readConfig()
	l.readTargets(config, configFile)
	people, peopleFile := l.readPeople()
	l.checkPeople(people, peopleFile)
	l.readApprovers(config, configFile)
	l.note(configFile)
	l.note(peopleFile)
	l.readRoles()
	l.c.Usable = l.usable
	sortProblems(l.c.Problems)
	return l.c
}

// loading is the state of one LoadConfiguration.
type loading struct {
	fsys       fs.FS
	types      Types
	c          *Configuration
	usable     bool
	noTargets  bool            // the targets of lapse.yaml could not be read at all
	badTargets map[string]bool // targets that lapse.yaml has but that could not be read
	badGroups  map[string]bool // the same of groups of people.yaml
}

// note moves the problems of a file to the configuration's.
func (l *loading) note(d *decoder) { l.c.Problems = append(l.c.Problems, atMost(d.problems)...) }

// read decodes one file, which must be there as a plain file.
func (l *loading) read(name string, most int, into any) *decoder {
	fail := func(p Problem) *decoder {
		p.File = showPath(name)
		return decode(&document{file: p.File, problems: []Problem{p}}, into)
	}
	info, err := fs.Lstat(l.fsys, name)
	if err != nil {
		return fail(unreadable(name, err))
	}
	if what := notPlain(fs.FileInfoToDirEntry(info)); what != "" {
		return fail(Problem{Text: what + ": want a plain file"})
	}
	data, err := readFile(l.fsys, name, most)
	if err != nil {
		return fail(unreadable(name, err))
	}
	return decode(parse(showPath(name), data, most), into)
}

func (l *loading) readConfig() (configFile, *decoder) {
	var w configFile
	d := l.read("lapse.yaml", MaxFileSize, &w)
	l.c.Config = Config{
		Version: int(w.Version), Branch: string(w.Branch), RemovalByPull: w.Removal == "pull_request", Automatic: w.Automatic,
		Signing: Signing{Key: string(w.Signing.Key), KMS: string(w.Signing.KMS), Keyless: w.Signing.Keyless}, Targets: map[string]TargetConfig{}, At: d.places,
	}
	if w.Branch == "" {
		l.c.Config.Branch = defaultBranch
	}
	l.c.Config.Limits = readLimits(w.Limits, d)
	if _, ok := d.places["signing"]; ok && !w.Signing.one() {
		d.problem("signing", `write {keyless: true}, or {key: "${NAME}"}, or {kms: "${NAME}"}`, "signing: want one of keyless, key and kms")
	}
	l.c.Config.Anchor = readAnchor(w, d)
	l.usable = l.usable && !d.ruined()
	return w, d
}

// readLimits are the limits as they are written, and the defaults for those that are not.
func readLimits(w limitsEntry, d *decoder) Limits {
	l := Limits{
		MaxDuration: defaultMaxDuration, ApprovalTTL: defaultApprovalTTL, UnexplainedRevocations: defaultUnexplainedRevocations, Watch: defaultWatch,
	}
	if w.MaxDuration != "" {
		l.MaxDuration = w.MaxDuration.duration()
	}
	if w.ApprovalTTL != "" {
		l.ApprovalTTL = w.ApprovalTTL.duration()
	}
	if _, ok := d.places["limits.unexplained_revocations"]; ok {
		l.UnexplainedRevocations = int(w.UnexplainedRevocations)
	}
	if w.Watch != "" {
		l.Watch = w.Watch.duration()
	}
	if l.Watch > MaxWatch {
		d.problem("limits.watch", "", "watch: %s: want at most %s, which is how long the ledger remembers", FormatDuration(l.Watch), FormatDuration(MaxWatch))
	}
	return l
}

// readTargets keeps the targets that are as their types say. One that is not is absent and spoils nothing else.
func (l *loading) readTargets(w configFile, d *decoder) {
	l.noTargets = w.Targets == nil
	l.badTargets = map[string]bool{}
	for path := range d.bad {
		if name, ok := strings.CutPrefix(path, "targets."); ok {
			l.badTargets[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Targets)) {
		before := len(d.problems)
		path := "targets." + string(name)
		t, ok := l.targetType(d, path, w.Targets[name])
		settings := map[string]string{}
		for key, value := range w.Targets[name] {
			if key != "type" {
				settings[key] = string(value)
			}
		}
		if ok {
			checkFields(d, path, t.Name+" target", t.Settings, settings)
		}
		if len(d.problems) > before {
			d.contained += len(d.problems) - before
			l.badTargets[string(name)] = true
			continue
		}
		l.c.Config.Targets[string(name)] = TargetConfig{
			Name: string(name), Type: t.Name, Settings: settings, At: d.places[path],
			AccountsAreIDs: t.AccountsAreIDs, LoginIsAccount: t.LoginIsAccount,
		}
	}
}

func (l *loading) targetType(d *decoder, path string, w targetEntry) (TargetType, bool) {
	name, ok := w["type"]
	if !ok {
		d.problem(path, d.meant("", maps.Keys(l.types)), "the key %q is missing", "type")
		return TargetType{}, false
	}
	t, ok := l.types[string(name)]
	if !ok {
		d.problem(path+".type", d.meant(string(name), maps.Keys(l.types)), "no type of target is called %s", show(string(name)))
	}
	t.Name = string(name)
	return t, ok
}

// checkFields checks the keys and values beside `type` of a target, or beside `target` of an entitlement. No message
// shows a value of a secret field.
func checkFields(d *decoder, path, what string, fields []Field, values map[string]string) {
	known := map[string]bool{}
	for _, f := range fields {
		known[f.Key] = true
		value, ok := values[f.Key]
		if !ok {
			if !f.Optional {
				d.problem(path, f.Doc, "the key %q is missing: every %s has it", f.Key, what)
			}
			continue
		}
		if err := checkField(f, value); err != nil {
			d.problem(join(path, f.Key), "", "%s: %v", f.Key, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !known[key] {
			d.problem(join(path, key), d.meant(key, maps.Keys(known)), "unknown key %s of a %s", show(key), what)
		}
	}
}

func checkField(f Field, value string) error {
	switch {
	case f.Secret:
		_, err := secretName(value)
		return err
	case strings.Contains(value, "${"):
		return fmt.Errorf("this is not a secret, so its value is written out and never taken from the environment")
	case strings.TrimSpace(value) == "":
		return fmt.Errorf("the value is blank")
	case len(f.Values) > 0 && !slices.Contains(f.Values, value):
		return oneOf(value, f.Values...)
	case f.Check != nil:
		return f.Check(value)
	}
	return nil
}

// readApprovers reads who must approve a change of the configuration: without them, anyone could change the rules.
func (l *loading) readApprovers(w configFile, d *decoder) {
	before := len(d.problems)
	l.c.Config.Configuration = l.approvals(d, "configuration.approvals", w.Configuration.Approvals, w.Automatic)
	for i, line := range w.Configuration.Approvals {
		if line.WhenLongerThan != "" {
			d.problem(fmt.Sprintf("configuration.approvals[%d].when_longer_than", i), "", "when_longer_than has no meaning for the configuration")
		}
	}
	if len(d.problems) > before {
		l.usable = false
	}
}

// approvals reads approval lines. Without automatic there must be one that always applies: else some request would need
// no person.
func (l *loading) approvals(d *decoder, path string, w []approvalLineEntry, automatic bool) []ApprovalLine {
	lines := make([]ApprovalLine, 0, len(w))
	always := false
	for i, entry := range w {
		at := fmt.Sprintf("%s[%d]", path, i)
		line := ApprovalLine{Count: int(entry.Count), WhenLongerThan: entry.WhenLongerThan.duration(), At: d.place(at)}
		line.From = l.parties(d, at+".from", entry.From)
		lines = append(lines, line)
		always = always || entry.WhenLongerThan == ""
	}
	switch {
	case automatic || d.unread(path):
	case len(w) == 0:
		d.problem(path, "add a line, for instance {from: [\"@organization/team\"], count: 1}; only `automatic: true` in lapse.yaml allows none", "%s: nobody has to approve", path)
	case !always:
		d.problem(path, "add a line without when_longer_than", "%s: nobody has to approve a short grant", path)
	}
	return lines
}

// parties reads a list of teams and groups, none twice, each group one of people.yaml.
func (l *loading) parties(d *decoder, path string, w []partyText) []Party {
	if len(w) == 0 && !d.unread(path) {
		d.problem(path, `name a team ("@organization/team") or a group ("group:name")`, "%snobody is named", label(path))
	}
	parties := make([]Party, 0, len(w))
	for i, text := range w {
		at := fmt.Sprintf("%s[%d]", path, i)
		if slices.Contains(w[:i], text) && text != "" {
			d.problem(at, "", "%s is named twice", show(string(text)))
		}
		if _, _, group, err := names.SplitParty(string(text)); err == nil && group != "" {
			l.checkGroup(d, at, group)
		}
		parties = append(parties, Party(text))
	}
	return parties
}

func (l *loading) checkGroup(d *decoder, path, group string) {
	if _, ok := l.c.People.Groups[group]; ok || l.c.People.Groups == nil {
		return // without groups people.yaml itself could not be read, and says so
	}
	if l.badGroups[group] {
		d.problem(path, "", "group %q could not be read, see the problems of people.yaml", group)
		return
	}
	d.problem(path, d.meant(group, maps.Keys(l.c.People.Groups)), "people.yaml has no group %q", group)
}

// Account is who a person is at a target: their numeric GitHub id where the target's accounts are ids, else what
// people.yaml says, else their login where the target's type takes it. False: they have no account there.
func (c *Configuration) Account(p Person, target string) (string, bool) {
	t, ok := c.Config.Targets[target]
	if !ok {
		return "", false
	}
	return accountAt(p, t)
}

func accountAt(p Person, t TargetConfig) (string, bool) {
	if t.AccountsAreIDs {
		if p.ID <= 0 {
			return "", false
		}
		return strconv.FormatInt(p.ID, 10), true
	}
	if account, ok := p.Accounts[t.Name]; ok {
		return account, true
	}
	if t.LoginIsAccount && p.Login != "" {
		return p.Login, true
	}
	return "", false
}
