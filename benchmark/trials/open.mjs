/** The whole life of a mapping. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { capabilities, MemoryMappedFile } from '#mmap-io'
import { firstWord, GiB, MiB, next, RECORD, recordFile, shiftFor } from '../lib/records.mjs'
import { rivalPackage, Skip } from '../lib/rivals.mjs'
import { same } from '../lib/verify.mjs'

function side({ path, filled }, readByte) {
  const shift = shiftFor(filled / RECORD)
  const run = (operations, seed) => {
    let state = seed
    let sum = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      sum = (sum * 31 + readByte(path, (state >>> shift) * RECORD)) | 0
    }
    return sum
  }
  const verify = (sum, operations, seed) => {
    let state = seed
    let expected = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      expected = (expected * 31 + (firstWord(state >>> shift) & 0xff)) | 0
    }
    same(sum, expected, 'sum of the bytes')
  }
  return { run, verify, close: () => {} }
}

const mapped = (view) => (file) => {
  if (!capabilities.views.includes(view)) throw new Skip(`this Node has no view mode '${view}'`)
  return side(file, (path, at) => {
    const mapping = MemoryMappedFile.openRoSync(path, { view })
    const byte = mapping.asSlice(at, 1)[0]
    mapping.close()
    return byte
  })
}

const byte = Buffer.alloc(1)

const reading = (file) =>
  side(file, (path, at) => {
    const fd = openSync(path)
    readSync(fd, byte, 0, 1, at)
    closeSync(fd)
    return byte[0]
  })

/** As its own documentation opens a file. It has no way to unmap: the garbage collector does it. */
async function classic(file) {
  const { default: mmap } = await rivalPackage('@riaskov/mmap-io')
  return side(file, (path, at) => {
    const fd = openSync(path)
    const buffer = mmap.map(fstatSync(fd).size, mmap.PROT_READ, mmap.MAP_SHARED, fd)
    closeSync(fd)
    return buffer[at]
  })
}

/** The counts are printed with the result. */
const collects = 'V8 counts a large external ArrayBuffer as its own memory and collects garbage because of it'

const common = {
  cache: 'warm; nothing mapped beforehand',
  pattern: 'one random byte of the filled part',
  verified: 'hash over all bytes read',
  ours: { does: "openRoSync, asSlice(at, 1)[0], close; view 'external'", open: mapped('external') },
  setup: (folder, quick) => recordFile(folder, GiB, quick ? MiB : GiB),
}

export const rows = [
  {
    ...common,
    name: 'open-fs',
    work: 'open a file of 1 GiB, read one byte, close',
    rival: { does: 'fs.openSync, fs.readSync of 1 byte, fs.closeSync', open: reading },
    goal: { none: true },
    note: `a row to lose: a mapping pays off with many reads. ${collects}`,
  },
  {
    ...common,
    name: 'open-classic',
    work: 'open a file of 1 GiB, map it, read one byte, let it go',
    rival: { does: '@riaskov/mmap-io 1.4.3: fs.openSync, fstat, map, fs.closeSync; buffer[at]', open: classic },
    goal: { atMost: 1 },
    note: collects,
  },
  {
    ...common,
    name: 'open-shared',
    work: "the same with view mode 'shared'",
    ours: { does: "openRoSync, asSlice(at, 1)[0], close; view 'shared'", open: mapped('shared') },
    rival: { does: 'as above', open: classic },
    goal: { atMost: 1 / 50 },
    note: 'V8 does not count this memory',
  },
]
