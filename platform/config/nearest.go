package config

import "strings"

// nearest returns the known name that the given one is most likely meant to be: the one with the fewest changed
// characters, up to a third of them, or the only one that ends in the same part. It returns "" when there is none.
func nearest(name string, known []string, separator string) string {
	best, fewest := "", max(1, min(len(name)/3, 4))+1
	for _, candidate := range known {
		if changes := distance(name, candidate); changes < fewest {
			best, fewest = candidate, changes
		}
	}
	if best != "" {
		return best
	}
	last := name[strings.LastIndex(name, separator)+1:]
	for _, candidate := range known {
		if candidate[strings.LastIndex(candidate, separator)+1:] != last {
			continue
		}
		if best != "" {
			return ""
		}
		best = candidate
	}
	return best
}

// distance counts the bytes to insert, remove or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
