// Portico is a workspace gateway. A gateway of your own is this page with other modules in the list.
package main

import (
	"os"

	"portico.internal/features/docservice"
	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/platform/app"
	"portico.internal/platform/feature"
)

func main() {
	os.Exit(app.Main(app.Spec{
		Modules:  modules.All(),
		Chain:    migrations.Chain,
		Features: []feature.Feature{docservice.Feature},
	}))
}
