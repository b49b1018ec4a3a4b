// A few bytes from anywhere in a file of any size: no reading, no 4 GiB limit.
//
//   node examples/large-file.mjs [file]
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { MemoryMappedFile } from 'mmap-io'

const path = process.argv[2] ?? 'large.bin'
writeFileSync(path, '')
truncateSync(path, 6 * 2 ** 30) // 6 GiB of holes: no room on the disk

const whole = await MemoryMappedFile.openRw(path)
whole.updateRegion(5 * 2 ** 30 + 3, 'far out')

// A window maps only what is needed; it begins at any byte.
const window = await MemoryMappedFile.openRo(path, { offset: 5 * 2 ** 30 + 3, length: 7 })
console.log(`${whole.length} bytes, and at 5 GiB: ${window.asSlice()}`)

const { residentPages, pages } = whole.residency()
console.log(residentPages < pages / 100 ? 'hardly any of it is in memory' : `${residentPages} of ${pages} pages are in memory`)

window.close()
whole.close()
rmSync(path)
