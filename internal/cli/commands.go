package cli

import "github.com/spf13/cobra"

// commands are all of alike's commands, in the order of a user's day.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.quickstart(),
		a.train(),
		a.resume(),
		group("eval", "Measure an embedding; every score carries its protocol", a.evalKNN(), a.evalLinear(), a.evalFinetune(), a.evalRetrieval(), a.evalCluster(), a.evalVerification(), a.evalTransform()),
		a.embed(),
		a.search(),
		a.dedupe(),
		a.cluster(),
		a.label(),
		a.serve(),
		a.explore(),
		a.export(),
		group("index", "Make searches in an index faster, the index smaller, or take it to a cluster", a.indexBuild(), a.indexQuantize(), a.indexMerge(), a.indexPush(), a.indexInfo()),
		a.report(),
		a.compare(),
		a.info(),
		group("data", "Look at image data", a.dataInfo(), a.dataCheck(), a.dataPack(), a.dataExport()),
		a.list(),
		a.verify(),
		a.reproduce(),
		group("bench", "Measure this machine", a.benchStep(), a.benchForward(), a.benchAugment(), a.benchDecode(), a.benchKNN(), a.benchEval(), a.benchSearch(), a.benchServe()),
		a.version(),
	}
}
