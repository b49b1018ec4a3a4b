// The installed package in an ES module. Prints the binary that was loaded.
import { readFileSync } from 'node:fs'
import { MemoryMappedFile } from 'mmap-io'
import { createAssetHandler } from 'mmap-io/electron'

const file = process.argv[2]
const mapping = await MemoryMappedFile.openRo(file)
if (!mapping.asSlice().equals(readFileSync(file))) throw new Error('the mapping holds other bytes than the file')
const response = await createAssetHandler('.')(new Request(`app://project/${file}`))
if ((await response.text()) !== readFileSync(file, 'utf8')) throw new Error('the handler answers with other bytes than the file')
mapping.close()
console.log(process.report.getReport().sharedObjects.find((path) => path.endsWith('.node')))
