import Plugin
import WorkbenchCLI

await Workbench.main { try Plugin.register(in: &$0) }
