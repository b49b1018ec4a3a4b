// This folder has a package.json of its own, for the rivals, which hides the "imports" of the package above: here it is said again.
export * from '../../dist/index.js'
