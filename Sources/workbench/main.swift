import WorkbenchCLI

await Workbench.main()
