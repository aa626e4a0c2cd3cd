package grants

// UnderGrants says whether a path is grants/, or in it, for any file system: case does not matter.
func UnderGrants(path string) bool { return underGrants(path) }

// IDOf is the id of the grant whose file the path is; false for any path that is no grant's.
func IDOf(path string) (string, bool) {
	id, err := idOf(path)
	return id, err == nil
}
