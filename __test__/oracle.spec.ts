/** Random sequences of operations on a mapping and on a plain Buffer must agree. */
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { MemoryMappedFile, pageSize } from '#mmap-io'
import { pattern, tempFile } from './support/files.ts'
import { isLive } from './support/view.ts'

const page = pageSize()

interface Pair {
  mapping: MemoryMappedFile
  /** What the mapping must show. */
  model: Buffer
  /** A view kept since the start: it must show the same bytes, and zeros behind the end. */
  old: Buffer
}

type Operation = (pair: Pair) => void

const fail = (text: string): never => {
  throw new Error(text)
}
const same = (one: Uint8Array, two: Uint8Array, text: string) => Buffer.compare(one, two) === 0 || fail(text)

/** Numbers that like borders: of pages and of the mapping. */
const position = fc.oneof(fc.integer({ min: 0, max: 5 * page }), fc.constantFrom(0, 1, page - 1, page, page + 1, 2 * page, 3 * page - 1))
const data = fc.uint8Array({ minLength: 0, maxLength: 3 * page, size: 'max' })

const slice = fc.tuple(position, position).map(([offset, length]): [string, Operation] => [
  `asSlice(${offset}, ${length})`,
  ({ mapping, model }) => {
    const inside = length === 0 || offset + length <= model.length
    let seen: Buffer | undefined
    try {
      seen = mapping.asSlice(offset, length)
    } catch (error) {
      if (inside || (error as { kind?: string }).kind !== 'OutOfBounds') throw error
    }
    if (inside) same(seen as Buffer, length === 0 ? Buffer.alloc(0) : model.subarray(offset, offset + length), 'asSlice differs')
    else if (seen) fail('asSlice past the end was accepted')
  },
])

const read = fc.tuple(position, position).map(([offset, length]): [string, Operation] => [
  `readInto(${offset}, ${length} bytes)`,
  ({ mapping, model }) => {
    if (length > 0 && offset + length > model.length) return
    const target = mapping.readInto(offset, Buffer.alloc(length, 0xcc))
    same(target, length === 0 ? Buffer.alloc(0) : model.subarray(offset, offset + length), 'readInto differs')
  },
])

const update = fc.tuple(position, data).map(([offset, bytes]): [string, Operation] => [
  `updateRegion(${offset}, ${bytes.length} bytes)`,
  ({ mapping, model }) => {
    const inside = bytes.length === 0 || offset + bytes.length <= model.length
    const before = mapping.pendingBytes
    try {
      mapping.updateRegion(offset, bytes)
    } catch (error) {
      if (inside || (error as { kind?: string }).kind !== 'OutOfBounds') throw error
      return
    }
    if (!inside) fail('updateRegion past the end was accepted')
    if (mapping.pendingBytes !== before + bytes.length) fail('pendingBytes is wrong')
    if (bytes.length > 0) model.set(bytes, offset)
  },
])

const store = fc.tuple(position, fc.integer({ min: 0, max: 255 })).map(([offset, value]): [string, Operation] => [
  `a store of ${value} at ${offset} through a new view and the old one`,
  ({ mapping, model, old }) => {
    if (offset >= model.length) return
    if (isLive) mapping.asSlice(offset, 1)[0] = value
    else mapping.updateRegion(offset, Buffer.of(value))
    model[offset] = value
    if (isLive && offset + 1 < Math.min(old.length, model.length)) {
      old[offset + 1] = value ^ 0xff
      model[offset + 1] = value ^ 0xff
    }
  },
])

const move = fc.tuple(position, position, position).map(([from, to, length]): [string, Operation] => [
  `a copy of ${length} bytes from ${from} to ${to} within the mapping`,
  ({ mapping, model }) => {
    if (Math.max(from, to) + length > model.length) return
    mapping.updateRegion(to, mapping.asSlice(from, length))
    model.copy(model, to, from, from + length)
  },
])

const moveOld = fc.tuple(position, position, position).map(([from, to, length]): [string, Operation] => [
  `a copy of ${length} bytes from ${from} in the oldest view to ${to}`,
  ({ mapping, model, old }) => {
    if (Math.max(from, to) + length > model.length || from + length > old.length) return
    if (!isLive) return
    mapping.updateRegion(to, old.subarray(from, from + length))
    model.copy(model, to, from, from + length)
  },
])

const resize = fc.integer({ min: 1, max: 6 * page }).map((size): [string, Operation] => [
  `resizeSync(${size})`,
  (pair) => {
    pair.mapping.resizeSync(size)
    const model = Buffer.alloc(size)
    pair.model.copy(model)
    pair.model = model
  },
])

const flush = fc.constant<[string, Operation]>([
  'flushSync()',
  ({ mapping }) => {
    mapping.flushSync()
    if (mapping.pendingBytes !== 0) fail('bytes are pending after a flush')
  },
])

const operations = fc.array(fc.oneof(slice, read, update, store, move, moveOld, resize, flush), { maxLength: 40 })

function check({ mapping, model, old }: Pair): void {
  if (mapping.length !== model.length) fail(`length is ${mapping.length} instead of ${model.length}`)
  same(mapping.asSlice(), model, 'the mapping differs')
  if (!isLive) return
  const shown = Math.min(old.length, model.length)
  same(old.subarray(0, shown), model.subarray(0, shown), 'an old view differs')
  same(old.subarray(shown), Buffer.alloc(old.length - shown), 'an old view is not zero behind the end')
}

for (const offset of [0, 1, page - 3, page]) {
  test(`random operations agree with a Buffer in a window that begins at byte ${offset}`, (t) => {
    const path = tempFile(t)
    const head = pattern(offset)
    t.notThrows(() =>
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4 * page }), operations, (size, steps) => {
          const content = pattern(offset + size)
          writeFileSync(path, content)
          const mapping = MemoryMappedFile.openRwSync(path, { offset })
          const pair: Pair = { mapping, model: Buffer.from(content.subarray(offset)), old: mapping.asSlice() }
          for (const [title, step] of steps) {
            step(pair)
            try {
              check(pair)
            } catch (error) {
              throw new Error(`after ${title}`, { cause: error })
            }
          }
          mapping.close()
          same(readFileSync(path), Buffer.concat([head, pair.model]), 'the file differs')
        }),
        { numRuns: 60 },
      ),
    )
  })
}
