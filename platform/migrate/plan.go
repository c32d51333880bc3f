package migrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const defaultTable = "schema_migrations"

// Plan is the steps of one binary in the order they run.
type Plan struct {
	table string
	adopt bool            // take over what Alembic has done
	chain []Link          // the whole of it, modules absent from this binary included
	steps []placed        // what this binary can run
	known map[string]bool // revisions of the chain and of the steps
}

type placed struct {
	Link
	Step
}

// Option changes a plan.
type Option func(*Plan)

// Table keeps the plan's records in a table of its own in place of schema_migrations, for a second plan on the same
// database. Such a plan takes over nothing from Alembic.
func Table(name string) Option {
	return func(p *Plan) { p.table, p.adopt = name, false }
}

// New orders the steps of all modules: those of the chain as it says, then those of modules the chain does not speak
// of, by the name of the module. Lines of modules that are not in steps are passed over.
//
// The error names every step without a line, every line without its step, and every revision that is there twice.
func New(chain []Link, steps map[string][]Step, options ...Option) (*Plan, error) {
	p := &Plan{table: defaultTable, adopt: true, chain: chain, known: map[string]bool{}}
	for _, option := range options {
		option(p)
	}
	own, doubles := ownSteps(steps)
	problems := append(doubles, p.follow(steps, own)...)
	problems = append(problems, p.append(steps)...)
	return p, errors.Join(problems...)
}

// ownSteps finds each step by its revision, and revisions that two steps claim.
func ownSteps(steps map[string][]Step) (own map[string]placed, problems []error) {
	own = map[string]placed{}
	for _, module := range slices.Sorted(maps.Keys(steps)) {
		for _, step := range steps[module] {
			other, double := own[step.Revision]
			switch {
			case !revisionForm.MatchString(step.Revision):
				problems = append(problems, fmt.Errorf("module %s: revision %q is not twelve hex digits in lower case", module, step.Revision))
			case double:
				problems = append(problems, fmt.Errorf("modules %s and %s: both have a step %s", other.Module, module, step.Revision))
			case step.Up == nil:
				problems = append(problems, fmt.Errorf("module %s: step %s does nothing", module, step.Revision))
			}
			own[step.Revision] = placed{Link{Revision: step.Revision, Module: module}, step}
		}
	}
	return own, problems
}

// follow places the steps of the chain.
func (p *Plan) follow(steps map[string][]Step, own map[string]placed) (problems []error) {
	for _, link := range p.chain {
		if p.known[link.Revision] {
			problems = append(problems, fmt.Errorf("migrations/chain.txt: revision %s is there twice", link.Revision))
		}
		p.known[link.Revision] = true
		step, found := own[link.Revision]
		_, present := steps[link.Module]
		switch {
		case found && step.Module != link.Module:
			problems = append(problems, fmt.Errorf("migrations/chain.txt says %q, but the step is one of module %s", link, step.Module))
		case found:
			p.steps = append(p.steps, placed{link, step.Step})
		case present:
			problems = append(problems, fmt.Errorf("migrations/chain.txt says %q, but module %s has no such step", link, link.Module))
		}
	}
	return problems
}

// append places the steps of modules outside the chain.
func (p *Plan) append(steps map[string][]Step) (problems []error) {
	inChain := map[string]bool{}
	for _, link := range p.chain {
		inChain[link.Module] = true
	}
	for _, module := range slices.Sorted(maps.Keys(steps)) {
		for _, step := range steps[module] {
			switch {
			case p.known[step.Revision]:
			case inChain[module]:
				problems = append(problems, fmt.Errorf("module %s: add a line to migrations/chain.txt: %s %s <slug>", module, step.Revision, module))
			default:
				p.known[step.Revision] = true
				p.steps = append(p.steps, placed{Link{Revision: step.Revision, Module: module}, step})
			}
		}
	}
	return problems
}

// String tells the table and the steps in their order; equal plans have equal texts.
func (p *Plan) String() string {
	var out strings.Builder
	out.WriteString(p.table)
	for _, step := range p.steps {
		out.WriteString("\n" + step.Link.String())
	}
	return out.String()
}
