package plugins

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// automaton has a state for each instruction that reads a character.
type automaton struct {
	prog  *syntax.Prog
	next  map[uint32]map[uint32]int // in how many ways a state is reached from another: 1, or 2 for more
	on    []int                     // how often the way that is being walked passes: twice shows a round of nothing
	steps *int
}

func newAutomaton(prog *syntax.Prog, steps *int) *automaton {
	a := &automaton{prog, map[uint32]map[uint32]int{}, make([]int, len(prog.Inst)), steps}
	for i := range prog.Inst {
		if reads(&prog.Inst[i]) {
			a.next[uint32(i)] = a.follow(prog.Inst[i].Out)
		}
	}
	return a
}

func reads(i *syntax.Inst) bool {
	switch i.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// follow walks on from an instruction to the states that come next.
func (a *automaton) follow(from uint32) map[uint32]int {
	ways := map[uint32]int{}
	var walk func(uint32)
	walk = func(at uint32) {
		if *a.steps--; *a.steps < 0 || a.on[at] == 2 {
			return
		}
		inst := &a.prog.Inst[at]
		if reads(inst) {
			ways[at] = min(ways[at]+1, 2)
			return
		}
		a.on[at]++
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(inst.Out)
			walk(inst.Arg)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			walk(inst.Out)
		}
		a.on[at]--
	}
	walk(from)
	return ways
}

// loops are the states that can be reached from each other (Tarjan's strongly connected components).
func (a *automaton) loops() [][]uint32 {
	var found [][]uint32
	var stack []uint32
	index, low, on := map[uint32]int{}, map[uint32]int{}, map[uint32]bool{}
	var visit func(uint32)
	visit = func(v uint32) {
		index[v], low[v] = len(index)+1, len(index)+1
		stack, on[v] = append(stack, v), true
		for w := range a.next[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if on[w] {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] == index[v] {
			at := slices.Index(stack, v)
			loop := slices.Clone(stack[at:])
			stack = stack[:at]
			for _, w := range loop {
				on[w] = false
			}
			if len(loop) > 1 || a.next[v][v] > 0 {
				found = append(found, loop)
			}
		}
	}
	for v := range a.next {
		if index[v] == 0 {
			visit(v)
		}
	}
	return found
}

// pair is two readers of the same text.
type pair [2]uint32

// twoWays tells whether two readers of the same text can part in the loop and meet again.
func (a *automaton) twoWays(loop []uint32) bool {
	in := map[uint32]bool{}
	for _, v := range loop {
		in[v] = true
	}
	before := map[pair][]pair{}
	var queue, parted []pair
	seen := map[pair]bool{}
	for _, v := range loop {
		queue, seen[pair{v, v}] = append(queue, pair{v, v}), true
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if p[0] != p[1] {
			parted = append(parted, p)
		}
		for v, ways := range a.next[p[0]] {
			for w := range a.next[p[1]] {
				switch *a.steps--; {
				case *a.steps < 0:
					return true
				case !in[v] || !in[w] || !a.overlap(v, w):
					continue
				case p[0] == p[1] && v == w && ways > 1:
					return true
				}
				q := pair{v, w}
				before[q] = append(before[q], p)
				if !seen[q] {
					seen[q] = true
					queue = append(queue, q)
				}
			}
		}
	}
	// Those that parted meet again where a meeting can be traced back to them.
	traced := map[pair]bool{}
	for _, v := range loop {
		queue = append(queue, pair{v, v})
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, q := range before[p] {
			if !traced[q] {
				traced[q] = true
				queue = append(queue, q)
			}
		}
	}
	return slices.ContainsFunc(parted, func(p pair) bool { return traced[p] })
}

// overlap tells whether two states can read the same character.
func (a *automaton) overlap(v, w uint32) bool {
	if v == w {
		return true
	}
	left, right := ranges(&a.prog.Inst[v]), ranges(&a.prog.Inst[w])
	for i := 0; i+1 < len(left); i += 2 {
		for j := 0; j+1 < len(right); j += 2 {
			if left[i] <= right[j+1] && right[j] <= left[i+1] {
				return true
			}
		}
	}
	return false
}

// ranges are the characters that a state reads, as pairs of the first and the last.
func ranges(i *syntax.Inst) []rune {
	switch {
	case i.Op == syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case i.Op == syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	case len(i.Rune) > 1:
		return i.Rune
	}
	r := i.Rune[0]
	list := []rune{r, r}
	if i.Op == syntax.InstRune && syntax.Flags(i.Arg)&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			list = append(list, f, f)
		}
	}
	return list
}
