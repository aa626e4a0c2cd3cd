package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/names"
)

// requestOptions are the flags of lapse request.
type requestOptions struct {
	connection
	role   string
	length string
	until  string
	start  string
	reason string
	ticket string
	user   string
	id     string
	issue  string
	file   bool
	wait   bool
	anyway bool
	json   bool
}

func newRequest(env *environment) *cobra.Command {
	o := &requestOptions{}
	c := &cobra.Command{
		Use:   "request [ROLE]",
		Short: "Ask for a role for a while, by a pull request of your own",
		Long: `Request writes the grant's file, its branch and its pull request through GitHub's API, without a clone and with your own token, so
that the request is yours. Before anything is sent it says what you would get, who must approve, and what would be denied.

On a terminal it asks for what is missing. Times are like 2026-12-01T18:00:00Z, durations like 4h or 1h30m.`,
		Example: `  lapse request prod-db-read --for 4h --reason 'Slow checkout query, INC-4211'
  lapse request prod-db-read --for 4h --reason 'Slow checkout query' --ticket INC-4211 --wait
  lapse request prod-db-read --until 2026-12-01T18:00:00Z --reason 'Migration, INC-4300' --for-user bob
  lapse request --file --for-user alice prod-db-read --for 4h --reason 'Slow checkout query, INC-4211'   # the file only, here`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.role = args[0]
			}
			return runRequest(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	f := c.Flags()
	f.StringVar(&o.length, "for", "", "how `long`, counted from the merge or from --start")
	f.StringVar(&o.until, "until", "", "the end, as a `time`; also --expires")
	f.StringVar(&o.until, "expires", "", "the end, as a `time`")
	_ = f.MarkHidden("expires")
	f.StringVar(&o.start, "start", "", "no access before this `time`")
	f.StringVar(&o.reason, "reason", "", "`why`, for those who approve and those who audit")
	f.StringVar(&o.ticket, "ticket", "", "the `ticket` that asks for it, like INC-4211")
	f.StringVar(&o.user, "for-user", "", "ask for somebody else, by `login`")
	f.StringVar(&o.id, "id", "", "`name` of the file below grants/, without .yaml (default USER-ROLE)")
	f.BoolVar(&o.file, "file", false, "write the file only, into the working copy here, and send nothing")
	f.BoolVar(&o.wait, "wait", false, "stay until the access is there, and say how it stands")
	f.BoolVar(&o.anyway, "anyway", false, "send it even where it would be denied as things are")
	f.BoolVar(&o.json, "json", false, "print what was sent as JSON")
	f.StringVar(&o.issue, "from-issue", "", "answer the issue with this `number` with a link that sends its request (alone: that of the workflow's event)")
	f.Lookup("from-issue").NoOptDefVal = eventIssue
	return c
}

func runRequest(ctx context.Context, env *environment, o requestOptions) error {
	switch {
	case o.issue != "":
		return answerIssue(ctx, env, o)
	case o.file:
		return writeRequest(env, o)
	}
	return askFor(ctx, env, o)
}

// askFor sends the request, and asks for what is missing where somebody can be asked.
func askFor(ctx context.Context, env *environment, o requestOptions) error {
	if !env.asks {
		if err := o.complete(); err != nil {
			return err
		}
	}
	if _, err := o.times(); err != nil {
		return err
	}
	s, err := newSender(ctx, env, o.connection)
	if err != nil {
		return err
	}
	if o.user == "" {
		o.user = s.myself()
	}
	asked := env.asks && o.complete() != nil
	if asked {
		if err := s.fill(ctx, &o); err != nil {
			return err
		}
	}
	p, err := s.proposal(o)
	if err != nil {
		return err
	}
	if err := s.preview(ctx, p, o.anyway); err != nil {
		return err
	}
	if asked {
		yes, err := s.asker.confirm(ctx, "Send it?", true)
		if err != nil {
			return err
		}
		if !yes {
			return errFailed
		}
	}
	return s.deliver(ctx, p, o)
}

func (s *sender) deliver(ctx context.Context, p proposal, o requestOptions) error {
	out, err := s.send(ctx, p)
	if err != nil {
		return err
	}
	if out.Again {
		fmt.Fprintf(s.env.err, "lapse: this was asked for already, in pull request #%d; close it, or choose another --id\n", out.Pull)
	}
	if err := tellSent(s.env, out, o.json); err != nil {
		return err
	}
	if out.Again && !o.wait {
		return errFailed
	}
	if o.wait {
		return s.wait(ctx, out)
	}
	return nil
}

// complete says what is missing, all of it at once.
func (o requestOptions) complete() error {
	var missing []string
	if o.role == "" {
		missing = append(missing, "a ROLE")
	}
	if o.length == "" && o.until == "" {
		missing = append(missing, "--for or --until")
	}
	if o.reason == "" {
		missing = append(missing, "--reason")
	}
	if len(missing) == 0 {
		return nil
	}
	return usagef("what is asked for? %s missing; see `lapse request --help`", strings.Join(missing, ", "))
}

// grant is what the options ask for, as the loader reads it back: what it would refuse is wrong usage.
func (o requestOptions) grant(id string) (grants.Grant, string, error) {
	g, err := o.times()
	if err != nil {
		return g, "", err
	}
	g.ID, g.User, g.Role, g.Reason, g.Ticket = id, o.user, o.role, o.reason, o.ticket
	return canonical(g)
}

// times is the grant's times alone.
func (o requestOptions) times() (g grants.Grant, err error) {
	if o.length != "" && o.until != "" {
		return g, usagef("--for and --until are both given: choose one")
	}
	if g.Duration, g.Expires, err = endFlags(o.length, o.until); err != nil {
		return g, err
	}
	g.Start, err = timeFlag("--start", o.start)
	return g, err
}

// endFlags reads --for and --until, of which one is given.
func endFlags(length, until string) (d time.Duration, end time.Time, err error) {
	if length != "" {
		if d, err = grants.ParseDuration(length); err != nil {
			return 0, end, usagef("--for: %w", err)
		}
	}
	end, err = timeFlag("--until", until)
	return d, end, err
}

// canonical writes the grant and reads it back.
func canonical(g grants.Grant) (grants.Grant, string, error) {
	text := g.Marshal()
	read, problems := grants.LoadGrant(g.Path(), text)
	if len(problems) > 0 {
		var errs []error
		for _, p := range problems {
			errs = append(errs, p)
		}
		return g, "", usage{fmt.Errorf("this cannot be asked for:\n%w", errors.Join(errs...))}
	}
	if read.User != g.User || read.Role != g.Role || read.Reason != g.Reason || read.Ticket != g.Ticket ||
		read.Duration != g.Duration || !read.Expires.Equal(g.Expires) || !read.Start.Equal(g.Start) {
		return g, "", usagef("this cannot be asked for: what would be written reads otherwise than what was asked")
	}
	return *read, string(text), nil
}

func timeFlag(name, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := grants.ParseTime(value)
	if err != nil {
		return t, usagef("%s: %w", name, err)
	}
	return t, nil
}

// proposal chooses the id and writes the file.
func (s *sender) proposal(o requestOptions) (proposal, error) {
	id, err := s.idFor(o)
	if err != nil {
		return proposal{}, err
	}
	g, text, err := o.grant(id)
	return proposal{verb: "request", grant: g, text: text, why: o.reason}, err
}

// idFor is the id that was asked for, if it is free, or one that tells who has what. An id that was used before is left to its
// history unless it was asked for, and then its last life must be over.
func (s *sender) idFor(o requestOptions) (string, error) {
	onMain := func(id string) (bool, error) { return s.gatherer.TakenID(s.snap, id) }
	if o.id == "" {
		return o.freeID(s.receipts(), onMain)
	}
	if err := names.GrantID(o.id); err != nil {
		return "", usagef("--id: %w", err)
	}
	there, err := onMain(o.id)
	if err != nil {
		return "", err
	}
	if there {
		return "", usagef("--id %s: %s is there already; choose another, or `lapse extend %s`", o.id, grants.PathOf(o.id), o.id)
	}
	if s.standing.Book != nil {
		if _, live := s.standing.Book.State().Grants[o.id]; live {
			return "", usagef("--id %s: that grant is live by the ledger; choose another", o.id)
		}
	}
	return o.id, nil
}

// freeID is who and what, and a number where that is taken.
func (o requestOptions) freeID(receipts []ledger.Receipt, taken func(string) (bool, error)) (string, error) {
	if err := errors.Join(names.Login(o.user), names.RoleName(o.role)); err != nil {
		return "", usage{err}
	}
	return audit.FreeID(strings.ToLower(o.user)+"-"+o.role, receipts, taken)
}

// fill asks for what is missing.
func (s *sender) fill(ctx context.Context, o *requestOptions) error {
	a := s.asker
	if o.role == "" {
		role, err := s.askRole(ctx, o.user)
		if err != nil {
			return err
		}
		o.role = role
	}
	if o.length == "" && o.until == "" {
		longest := s.snap.Configuration.Config.Limits.MaxDuration
		if r, ok := s.snap.Configuration.Roles[o.role]; ok {
			longest = min(longest, r.MaxDuration)
		}
		preset := grants.FormatDuration(min(time.Hour, longest))
		var err error
		o.length, err = a.ask(ctx, question{fmt.Sprintf("For how long? (at most %s)", grants.FormatDuration(longest)), preset, func(answer string) error {
			_, err := grants.ParseDuration(answer)
			return err
		}})
		if err != nil {
			return err
		}
	}
	if o.reason != "" {
		return nil
	}
	var err error
	o.reason, err = a.ask(ctx, question{"Why? (those who approve read it)", "", func(answer string) error {
		if answer == "" {
			return errors.New("say why you need it, and the ticket if there is one")
		}
		return nil
	}})
	return err
}

// askRole lists the roles that the user may hold. Where that cannot be told all are listed.
func (s *sender) askRole(ctx context.Context, user string) (string, error) {
	may, err := s.gatherer.MayHold(ctx, s.snap, user)
	if err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		fmt.Fprintf(lines{s.env.err}, "lapse: which roles %s may hold cannot be told: %v; these are all\n", user, err)
		may = s.snap.Configuration.Roles
	}
	var list []string
	for name := range may {
		list = append(list, name)
	}
	slices.Sort(list)
	if len(list) == 0 {
		s.env.complain(fmt.Errorf("there is no role that %s may hold; roles/ says who may hold what", user))
		return "", errRefused
	}
	for i, name := range list {
		fmt.Fprintf(lines{s.env.err}, "  %d  %s: %s (at most %s)", i+1, name, may[name].Description, grants.FormatDuration(may[name].MaxDuration))
	}
	preset := ""
	if len(list) == 1 {
		preset = "1"
	}
	answer, err := s.asker.ask(ctx, question{"Which role?", preset, func(answer string) error {
		if pick(list, answer) == "" {
			return fmt.Errorf("answer with a number from 1 to %d, or a name", len(list))
		}
		return nil
	}})
	return pick(list, answer), err
}

// pick is the name that an answer means; "" for none.
func pick(list []string, answer string) string {
	for i, name := range list {
		if answer == name || answer == fmt.Sprint(i+1) {
			return name
		}
	}
	return ""
}
