/** Small writes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryMappedFile } from '#mmap-io'
import { MiB, next, shiftFor } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

const CELL = 64

/**
 * Every write carries its own number, so that a lost one shows. After each run the file is read by the ordinary way and compared with a
 * model of all writes so far.
 */
function side({ path, size }, open, Mapped = MemoryMappedFile) {
  const own = `${path}-${process.pid}`
  const mapping = Mapped.createRwSync(own, size)
  const { write, check = () => {} } = open(mapping)
  const shift = shiftFor(size / CELL)
  const data = Buffer.allocUnsafeSlow(CELL).fill('mmap-io ')
  const stamp = new DataView(data.buffer)
  const model = Buffer.alloc(size)
  let writes = 0
  const run = (operations, seed) => {
    let state = seed
    for (let left = operations; left > 0; left--) {
      state = next(state)
      stamp.setInt32(0, left ^ seed, true)
      write((state >>> shift) * CELL, data)
    }
    return operations
  }
  const verify = (_result, operations, seed) => {
    let state = seed
    for (let left = operations; left > 0; left--) {
      state = next(state)
      stamp.setInt32(0, left ^ seed, true)
      model.set(data, (state >>> shift) * CELL)
    }
    writes += operations
    same(readFileSync(own).equals(model), true, 'the file has all writes')
    check(writes)
  }
  return { run, verify, close: () => mapping.close() }
}

const ours = (file, Mapped) =>
  side(
    file,
    (mapping) => ({
      write: (at, data) => mapping.updateRegion(at, data),
      check: (writes) => same(mapping.pendingBytes, writes * CELL, 'pendingBytes'),
    }),
    Mapped,
  )

const rival = (file) =>
  side(file, (mapping) => {
    const whole = mapping.asSlice()
    return { write: (at, data) => whole.set(data, at) }
  })

export const rows = [
  {
    name: 'update-region',
    work: 'store 64 bytes',
    ours: { does: 'updateRegion, which also counts them', open: ours },
    rival: { does: 'Buffer.set on a Buffer over such a mapping', open: rival },
    goal: { atMost: 2 },
    cache: 'hot MiB, created by each side',
    pattern: 'uniformly random, aligned to 64 bytes',
    verified: 'the file, read by fs after each slice, against a model of all writes; pendingBytes',
    setup: (folder) => ({ path: join(folder, 'update'), size: MiB, filled: MiB }),
  },
]
