package page

// Numeric reports whether a column of these values is aligned as numbers.
func Numeric(values ...string) bool {
	t := Table{Head: []string{"h"}}
	for _, v := range values {
		t.Rows = append(t.Rows, []string{v})
	}
	return t.numeric(0)
}
