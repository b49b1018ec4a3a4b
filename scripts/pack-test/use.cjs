// The installed package in CommonJS. Prints the binary that was loaded.
const { readFileSync } = require('node:fs')
const { MemoryMappedFile } = require('mmap-io')

const file = process.argv[2]
const mapping = MemoryMappedFile.openRoSync(file)
if (!mapping.asSlice().equals(readFileSync(file))) throw new Error('the mapping holds other bytes than the file')
mapping.close()
console.log(process.report.getReport().sharedObjects.find((path) => path.endsWith('.node')))
