// Package gitrepo reads and writes the history of one repository, through a bare copy in a folder. It never checks
// anything out, never runs a hook or a filter, and believes nothing about an object that the object's bytes do not prove.
//
// What comes from a remote may have been made by anyone. So:
//
//   - every object that is read is hashed again, and must have the name it was asked for by;
//   - commits and trees must be in the one canonical form (see [Repo.Commit] and [Repo.FS]): what two readers could
//     understand differently is [ErrMalformed], never normalised;
//   - a history that is not whole, or that could be rewritten for its reader alone (shallow, grafts, replace refs,
//     alternates), is refused with [ErrIncomplete];
//   - an object that is missing is [ErrNoObject], never a file that is absent;
//   - everything that is read has a limit.
//
// Refs are moved in two ways. [Repo.Fetch] moves local ones. [Repo.Push] moves a remote one, by compare-and-swap, and only
// forward; two that push from the same old value cannot both succeed, so that a remote branch serves as a lock.
//
// A [Repo], and every file system made from it, is for one goroutine at a time; a folder is for one Repo at a time.
package gitrepo
