package grants

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func TestIntervalIsHalfOpenAndCountsFromTheLaterOfMergeAndStart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		merged := noon.Add(time.Duration(random.Int64N(int64(1000 * time.Hour)))).In(time.FixedZone("", 3600))
		g := Grant{Duration: time.Duration(1+random.Int64N(1000)) * time.Second}
		if random.IntN(2) == 0 {
			g.Start = noon.Add(time.Duration(random.Int64N(int64(1000 * time.Hour))))
		}
		from := merged
		if g.Start.After(merged) {
			from = g.Start
		}
		iv := g.Interval(merged)
		if !iv.Start.Equal(from) || iv.Length() != g.Duration || iv.Start.Location() != time.UTC || iv.End.Location() != time.UTC {
			t.Fatalf("merged %v, start %v, duration %v: %v", merged, g.Start, g.Duration, iv)
		}
		if !iv.Contains(iv.Start) || iv.Contains(iv.End) || iv.Contains(iv.Start.Add(-1)) || !iv.Contains(iv.End.Add(-1)) {
			t.Fatalf("%v is not half-open", iv)
		}
		g = Grant{Expires: from.UTC().Add(g.Duration), Start: g.Start}
		if iv2 := g.Interval(merged); iv2 != iv {
			t.Fatalf("with expires %v, with duration %v", iv2, iv)
		}
	}
}

func TestA40IntervalsStayInTheirBounds(t *testing.T) {
	role := &Role{Name: "r", MaxDuration: 8 * time.Hour}
	limits := Limits{MaxDuration: 24 * time.Hour}
	at := map[string]Pos{"": {"grants/x.yaml", 1, 1}, "duration": {"grants/x.yaml", 3, 11}, "expires": {"grants/x.yaml", 3, 10}, "start": {"grants/x.yaml", 4, 8}}
	for name, tt := range map[string]struct {
		grant  Grant
		merged time.Time
		now    time.Time
		role   *Role
		limits Limits
		want   []string
	}{
		"within":                    {grant: Grant{Duration: 8 * time.Hour}},
		"until just after now":      {grant: Grant{Expires: noon.Add(time.Second)}},
		"ends now":                  {grant: Grant{Duration: time.Hour}, now: noon.Add(time.Hour), want: []string{"grants/x.yaml:3:11: the grant ended at 2026-12-01T13:00:00Z, which has passed (request it anew with a later end)"}},
		"ended a moment later":      {grant: Grant{Duration: time.Hour}, now: noon.Add(time.Hour - 1)},
		"ends at the merge":         {grant: Grant{Expires: noon}, want: []string{"grants/x.yaml:3:10: the grant would end at 2026-12-01T12:00:00Z, not after its start at 2026-12-01T12:00:00Z (a later end is needed)"}},
		"ended before the merge":    {grant: Grant{Expires: noon.Add(-time.Hour)}, want: []string{"grants/x.yaml:3:10: the grant would end at 2026-12-01T11:00:00Z, not after its start at 2026-12-01T12:00:00Z (a later end is needed)"}},
		"longer than the role":      {grant: Grant{Duration: 8*time.Hour + time.Second}, want: []string{"grants/x.yaml:3:11: the grant would last 8h1s: role r allows 8h"}},
		"longer than both":          {grant: Grant{Expires: noon.Add(25 * time.Hour)}, want: []string{"grants/x.yaml:3:10: the grant would last 25h: role r allows 8h", "grants/x.yaml:3:10: the grant would last 25h: lapse.yaml allows 24h"}},
		"longer than the limit":     {grant: Grant{Duration: 7 * time.Hour}, limits: Limits{MaxDuration: time.Hour}, want: []string{"grants/x.yaml:3:11: the grant would last 7h: lapse.yaml allows 1h"}},
		"no limit allows nothing":   {grant: Grant{Duration: time.Second}, limits: Limits{ApprovalTTL: 1}, want: []string{"grants/x.yaml:3:11: the grant would last 1s: lapse.yaml allows 0s"}},
		"no role bound, none given": {grant: Grant{Duration: time.Second}, role: &Role{Name: "r"}, want: []string{"grants/x.yaml:3:11: the grant would last 1s: role r allows 0s"}},
		"from a later start":        {grant: Grant{Start: noon.Add(MaxAhead), Duration: 8 * time.Hour}},
		"too far ahead":             {grant: Grant{Start: noon.Add(MaxAhead + time.Second), Duration: time.Hour}, want: []string{"grants/x.yaml:4:8: the grant would start at 2027-03-01T12:00:01Z, more than 90 days ahead (request it nearer to its start)"}},
		"past the year 2100": {grant: Grant{Duration: 2 * time.Hour}, merged: time.Date(2100, 12, 31, 23, 0, 0, 0, time.UTC), now: noon,
			want: []string{"grants/x.yaml:3:11: the grant would last from 2100-12-31T23:00:00Z to 2101-01-01T01:00:00Z: the years are 2000 to 2100"}},
	} {
		if tt.merged.IsZero() {
			tt.merged = noon
		}
		if tt.now.IsZero() {
			tt.now = tt.merged
		}
		if tt.role == nil {
			tt.role = role
		}
		if tt.limits == (Limits{}) {
			tt.limits = limits
		}
		tt.grant.At = at
		if diff := cmp.Diff(tt.want, lines(CheckInterval(tt.grant, tt.merged, tt.now, tt.role, tt.limits))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if got := CheckInterval(Grant{ID: "x", Duration: 9 * time.Hour}, noon, noon, nil, limits); len(got) > 0 {
		t.Errorf("an unknown role bounds: %q", lines(got))
	}
	if got := CheckInterval(Grant{ID: "x", Duration: 9 * time.Hour}, noon, noon, role, limits); got[0].File != "grants/x.yaml" {
		t.Errorf("a grant without places has the problem at %v", got[0].Pos)
	}
}

func TestA40DurationsAreReadBackAsWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"4h": 4 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "1s": time.Second, "1h1m1s": 3661 * time.Second, "1h90m": 150 * time.Minute,
		"876000h": 876000 * time.Hour, "04h": 4 * time.Hour, "0h1m": time.Minute,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
		if again, err := ParseDuration(FormatDuration(got)); err != nil || again != got {
			t.Errorf("%q is written %q", text, FormatDuration(got))
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", -time.Hour: "0s", 90 * time.Minute: "1h30m", time.Hour + 1: "1h", 26 * time.Hour: "26h"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"4h", "1h30m", "0h", "-1h", "1.5h", "876001h", "999999999h999999999m999999999s", "9999999999h", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			if d != 0 || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q: %v, %q", s, d, err)
			}
			return
		}
		if d <= 0 || d%time.Second != 0 || d > 100*365*24*time.Hour {
			t.Errorf("%q is %v", s, d)
		}
		if standard, err := time.ParseDuration(s); err != nil || standard != d {
			t.Errorf("%q is %v here and %v, %v in Go", s, d, standard, err)
		}
		if again, err := ParseDuration(FormatDuration(d)); err != nil || again != d {
			t.Errorf("%q is written %q", s, FormatDuration(d))
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-12-01T18:00:00Z", "2026-12-01T18:00:00+01:00", "2026-12-01", "2100-12-31T23:59:59-23:59", "2026-02-29T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTime(s)
		if err != nil {
			return
		}
		standard, err := time.Parse(time.RFC3339, s)
		if err != nil || !standard.Equal(got) || got.Location() != time.UTC || got.Nanosecond() != 0 || got.Year() < 2000 || got.Year() > 2100 {
			t.Errorf("%q is %v here and %v, %v in Go", s, got, standard, err)
		}
		if again, err := ParseTime(FormatTime(got)); err != nil || again != got {
			t.Errorf("%q is written %q", s, FormatTime(got))
		}
	})
}
