/** Pages that are on the device only. */
import { closeSync, openSync, readSync } from 'node:fs'
import { capabilities, MemoryMappedFile } from '#mmap-io'
import { addRecord, GiB, KiB, MiB, next, RECORD, recordFile, shiftFor, sumOfRecords } from '../lib/records.mjs'
import { Skip } from '../lib/rivals.mjs'
import { same } from '../lib/verify.mjs'

const PAGE = 4 * KiB
/** Pages of a slice: as many as are asked for at once. */
const PAGES = 4096

/** Empties the page cache of the file, which nobody has mapped. */
async function drop(path) {
  if (!capabilities.evict || !capabilities.residency) throw new Skip('the page cache cannot be emptied here')
  const mapping = MemoryMappedFile.openRoSync(path)
  await mapping.evict()
  const { residentPages } = mapping.residency()
  mapping.close()
  if (residentPages > 0) throw new Skip(`${residentPages} pages of the file stay in memory (is the temporary folder on a device?)`)
}

function positions(operations, seed, size) {
  const shift = shiftFor(size / PAGE)
  let state = seed
  return Array.from({ length: operations }, () => {
    state = next(state)
    return (state >>> shift) * PAGE
  })
}

/** `open` runs before the clock starts, on a file without a page in memory; the mapping is closed before the other side's turn. */
function side({ path, size }, open) {
  let loading
  const prepare = async (operations, seed) => {
    await drop(path)
    loading = open(path, positions(operations, seed, size))
  }
  const verify = (sum, operations, seed) => {
    loading.close()
    same(sum, sumOfPages(operations, seed, size), 'sum of the first records of the pages')
  }
  return { prepare, run: () => loading.run(), verify, close: () => {}, operations: Math.min(PAGES, size / PAGE / 16) }
}

function sumOfPages(operations, seed, size) {
  // The records of a page are numbered from a multiple of this.
  const recordsPerPage = PAGE / RECORD
  return sumOfRecords(operations, seed, size / PAGE, (page) => page * recordsPerPage)
}

const ours = (file) =>
  side(file, (path, at) => {
    const mapping = MemoryMappedFile.openRoSync(path, { advice: 'random' })
    const run = async () => {
      await mapping.touchPages(at.map((offset) => [offset, RECORD]))
      const view = mapping.dataView()
      return at.reduce((sum, offset) => addRecord(sum, view.getInt32(offset, true), view.getInt32(offset + 4, true)), 0)
    }
    return { run, close: () => mapping.close() }
  })

const rival = (file) =>
  side(file, (path, at) => {
    const fd = openSync(path)
    const bytes = Buffer.allocUnsafeSlow(RECORD)
    const view = new DataView(bytes.buffer)
    const run = () =>
      at.reduce((sum, offset) => {
        readSync(fd, bytes, 0, RECORD, offset)
        return addRecord(sum, view.getInt32(0, true), view.getInt32(4, true))
      }, 0)
    return { run, close: () => closeSync(fd) }
  })

export const rows = [
  {
    name: 'touch-cold',
    work: 'read a record of each of 4096 known random pages of 1 GiB that are on the device only (quick: 256 of 16 MiB)',
    ours: { does: 'touchPages with all ranges, then a DataView', open: ours },
    rival: { does: 'fs.readSync of 8 bytes, one after the other', open: rival },
    goal: { atLeast: 5 },
    cache: 'cold: the page cache of the file is emptied before each slice',
    pattern: 'uniformly random pages, all known beforehand',
    verified: 'sum over all records read, computed anew from their numbers',
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
]
