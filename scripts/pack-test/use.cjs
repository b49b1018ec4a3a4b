// The installed package in CommonJS. Prints the binary that was loaded.
const { openSync, readFileSync } = require('node:fs')
const { MemoryMappedFile } = require('mmap-io')
const { map, MAP_SHARED, PROT_READ } = require('mmap-io/compat')

const file = process.argv[2]
const mapping = MemoryMappedFile.openRoSync(file)
if (!mapping.asSlice().equals(readFileSync(file))) throw new Error('the mapping holds other bytes than the file')
if (!map(mapping.length, PROT_READ, MAP_SHARED, openSync(file)).equals(mapping.asSlice()))
  throw new Error('the interface of the older packages')
mapping.close()
console.log(process.report.getReport().sharedObjects.find((path) => path.endsWith('.node')))
