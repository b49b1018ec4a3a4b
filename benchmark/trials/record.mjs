/** Single records at random places. */
import { closeSync, openSync, readSync } from 'node:fs'
import { MemoryMappedFile, pageSize } from '#mmap-io'
import { addRecord, GiB, MiB, next, RECORD, recordFile, shiftFor, sumOfRecords } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

const verify = (size) => (sum, operations, seed) => same(sum, sumOfRecords(operations, seed, size / RECORD), 'sum of the records')

function sumThroughView(view, operations, seed, shift) {
  let state = seed
  let sum = 0
  for (let left = operations; left > 0; left--) {
    state = next(state)
    const at = (state >>> shift) * RECORD
    sum = addRecord(sum, view.getInt32(at, true), view.getInt32(at + 4, true))
  }
  return sum
}

const throughView = (view, size, close) => {
  const shift = shiftFor(size / RECORD)
  return { run: (operations, seed) => sumThroughView(view, operations, seed, shift), verify: verify(size), close }
}

function mapped({ path, size }, guard = true) {
  const mapping = MemoryMappedFile.openRoSync(path, { guard })
  const view = mapping.dataView()
  let touched = 0
  for (let at = 0; at < size; at += pageSize()) touched += view.getUint8(at)
  same(touched > 0, true, 'touched pages have content')
  return throughView(view, size, () => mapping.close())
}

function heap({ path, size }) {
  const memory = Buffer.allocUnsafeSlow(size)
  const fd = openSync(path)
  for (let at = 0; at < size; ) at += readSync(fd, memory, at, Math.min(size - at, 64 * MiB), at)
  closeSync(fd)
  return throughView(new DataView(memory.buffer), size, () => {})
}

function reading({ path, size }) {
  const fd = openSync(path)
  const shift = shiftFor(size / RECORD)
  const bytes = Buffer.allocUnsafeSlow(RECORD)
  const view = new DataView(bytes.buffer)
  const run = (operations, seed) => {
    let state = seed
    let sum = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      readSync(fd, bytes, 0, RECORD, (state >>> shift) * RECORD)
      sum = addRecord(sum, view.getInt32(0, true), view.getInt32(4, true))
    }
    return sum
  }
  return { run, verify: verify(size), close: () => closeSync(fd) }
}

const ours = { does: 'getInt32 twice on a DataView over the mapping', open: (file) => mapped(file) }
const readSync8 = { does: 'fs.readSync of 8 bytes, then the same on a DataView over them', open: reading }
const common = {
  cache: 'warm; all pages mapped beforehand',
  pattern: 'uniformly random records, independent of each other',
  verified: 'sum over all records read, computed anew from their numbers',
}

export const rows = [
  {
    ...common,
    name: 'record-1gib',
    work: 'read a random 8-byte record in 1 GiB (quick: 16 MiB)',
    ours,
    rival: readSync8,
    goal: { atLeast: 9 },
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
  {
    ...common,
    name: 'record-hot',
    work: 'read a random 8-byte record in a hot MiB',
    ours,
    rival: readSync8,
    goal: { atLeast: 40 },
    setup: (folder) => recordFile(folder, MiB),
  },
  {
    ...common,
    name: 'record-heap',
    work: 'read a random 8-byte record in 1 GiB, against memory latency (quick: 16 MiB)',
    ours,
    rival: { does: 'the same on a DataView over an ArrayBuffer with the same bytes', open: heap },
    goal: { atMost: 1.1 },
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
  {
    ...common,
    name: 'record-guard',
    work: 'read a random 8-byte record in a hot MiB, with the guard against without it',
    ours,
    rival: { does: 'the same on a mapping with `guard: false`', open: (file) => mapped(file, false) },
    goal: { atMost: 1.03 },
    setup: (folder) => recordFile(folder, MiB),
  },
]
