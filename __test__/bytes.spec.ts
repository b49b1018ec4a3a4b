/** Reading and writing bytes. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { MemoryMappedFile, type MmapIoError, pageSize } from '#mmap-io'
import { withLiveViews } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'

withLiveViews('asSlice is no copy: stores go both ways', (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  const [one, two] = [mapping.asSlice(10, 20), mapping.asSlice(15, 5)]
  one[5] = 0xab
  t.is(two[0], 0xab)
  t.is(readFileSync(path)[15], 0xab)
  t.true(Buffer.isBuffer(one))
  mapping.close()
})

test('asSlice and readBytes give the same bytes, and readBytes a copy', (t) => {
  const bytes = pattern(3 * pageSize() + 17)
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, bytes))
  for (const [offset, length] of [
    [0, undefined],
    [1, 1],
    [pageSize() - 1, 2],
    [bytes.length, undefined],
    [bytes.length - 1, 1],
  ] as const) {
    const expected = bytes.subarray(offset, length === undefined ? undefined : offset + length)
    t.deepEqual(mapping.asSlice(offset, length), expected)
    t.deepEqual(mapping.readBytes(offset, length), expected)
  }
  const copy = mapping.readBytes(0, 4)
  mapping.updateRegion(0, Buffer.alloc(4))
  t.deepEqual(copy, bytes.subarray(0, 4))
  t.is(copy.buffer.byteLength, 4, 'the copy has memory of its own')
  mapping.close()
})

test('readInto fills any view and returns it', (t) => {
  const bytes = pattern(64)
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, bytes))
  const doubles = new Float64Array(3)
  t.is(mapping.readInto(8, doubles), doubles)
  t.deepEqual(Buffer.from(doubles.buffer), bytes.subarray(8, 32))
  const view = new DataView(new ArrayBuffer(10), 2, 5)
  mapping.readInto(1, view)
  t.deepEqual(Buffer.from(view.buffer, 2, 5), bytes.subarray(1, 6))
  t.deepEqual(Buffer.from(view.buffer, 0, 2), Buffer.alloc(2), 'only the view is filled')
  const shared = new Uint8Array(new SharedArrayBuffer(4))
  mapping.readInto(60, shared)
  t.deepEqual(Buffer.from(shared), bytes.subarray(60))
  mapping.close()
})

test('readInto past the end leaves the target alone', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(10)))
  const target = Buffer.alloc(4, 9)
  const error = t.throws<MmapIoError>(() => mapping.readInto(7, target))
  t.like(error, { kind: 'OutOfBounds', code: 'ERR_MMAP_OUT_OF_BOUNDS', offset: 7, length: 4, total: 10 })
  t.deepEqual(target, Buffer.alloc(4, 9))
  mapping.close()
})

test('updateRegion takes strings, views and buffers', (t) => {
  const path = tempFile(t, Buffer.alloc(40))
  const mapping = MemoryMappedFile.openRwSync(path)
  mapping.updateRegion(0, 'Grüße')
  mapping.updateRegion(8, new Uint16Array([0x6161, 0x6262]))
  mapping.updateRegion(12, new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2))
  mapping.updateRegion(14, new Uint8Array([5, 6]).buffer)
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).set([7, 8])
  mapping.updateRegion(16, shared)
  mapping.updateRegion(18, Buffer.from('end'))
  const expected = Buffer.concat([Buffer.from('Grüße\0'), Buffer.from('aabb'), Buffer.from([2, 3, 5, 6, 7, 8]), Buffer.from('end')])
  t.deepEqual(readFileSync(path).subarray(0, 21), expected)
  mapping.close()
})

test('updateRegion past the end stores nothing', (t) => {
  const path = tempFile(t, pattern(10))
  const mapping = MemoryMappedFile.openRwSync(path)
  t.throws(() => mapping.updateRegion(8, 'abc'), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => mapping.updateRegion(2 ** 53 - 1, 'a'), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.deepEqual(readFileSync(path), pattern(10))
  t.is(mapping.pendingBytes, 0)
  mapping.close()
})

test('a detached array has no bytes to read or write', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(10)))
  const detached = new Uint8Array(4)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const words = new Uint32Array(4)
  structuredClone(words.buffer, { transfer: [words.buffer] })
  const view = new DataView(new ArrayBuffer(4))
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
  mapping.updateRegion(0, detached)
  mapping.updateRegion(0, words)
  mapping.updateRegion(0, view)
  t.is(mapping.readInto(0, view), view)
  t.is(mapping.readInto(0, words), words)
  t.deepEqual(mapping.readBytes(), pattern(10))
  mapping.close()
})

test('bytes whose getters close or shrink the mapping are used whole or refused with a code', (t) => {
  const ends = {
    close: (mapping: MemoryMappedFile) => mapping.close(),
    shrink: (mapping: MemoryMappedFile) => mapping.resizeSync(10, { detach: true }),
  }
  const uses = {
    readInto: (mapping: MemoryMappedFile, bytes: Uint8Array) => void mapping.readInto(5, bytes),
    updateRegion: (mapping: MemoryMappedFile, bytes: Uint8Array) => mapping.updateRegion(5, bytes),
  }
  const outcomes = new Set<string>()
  for (const [use, run] of Object.entries(uses)) {
    for (const end of Object.values(ends)) {
      for (let wait = 0; wait < 8; wait++) {
        const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
        mapping.asSlice()
        let asked = 0
        const answer = <T>(value: T): T => {
          if (asked++ === wait) end(mapping)
          return value
        }
        class Bytes extends Uint8Array {
          override get length() {
            return answer(super.length)
          }
          override get buffer() {
            return answer(super.buffer)
          }
        }
        const bytes = new Bytes(90)
        try {
          run(mapping, bytes)
          if (use === 'readInto' && asked > wait) t.deepEqual(Buffer.from(Uint8Array.from(bytes)), pattern(100).subarray(5, 95))
          outcomes.add(`${use} done`)
        } catch (error) {
          outcomes.add(`${use} ${(error as MmapIoError).code}`)
        }
        mapping.close()
      }
    }
  }
  const each = ['done', 'ERR_MMAP_CLOSED', 'ERR_MMAP_OUT_OF_BOUNDS']
  t.deepEqual(
    [...outcomes].sort(),
    Object.keys(uses)
      .flatMap((use) => each.map((outcome) => `${use} ${outcome}`))
      .sort(),
  )
})

withLiveViews('copies between overlapping views of one file behave like memmove', (t) => {
  const bytes = pattern(20_000)
  const path = tempFile(t, bytes)
  const one = MemoryMappedFile.openRwSync(path)
  const two = MemoryMappedFile.openRwSync(path, { offset: 1 })
  const expected = Buffer.from(bytes)
  const move = (from: number, to: number) => expected.copy(expected, to, from, from + 10_000)
  one.updateRegion(5, one.asSlice(0, 10_000))
  move(0, 5)
  one.updateRegion(0, one.asSlice(5, 10_000))
  move(5, 0)
  t.deepEqual(one.readBytes(), expected, 'within one mapping')
  one.updateRegion(7, two.asSlice(0, 10_000))
  move(1, 7)
  one.updateRegion(1, two.asSlice(7, 10_000))
  move(8, 1)
  t.deepEqual(one.readBytes(), expected, 'from another mapping of the file')
  two.readInto(0, one.asSlice(9, 10_000))
  move(1, 9)
  two.readInto(20, one.asSlice(3, 10_000))
  move(21, 3)
  t.deepEqual(one.readBytes(), expected, 'into another mapping of the file')
  one.close()
  two.close()
})

withLiveViews('dataView and typedArray see the bytes in place', (t) => {
  const path = tempFile(t, Buffer.alloc(64))
  const mapping = MemoryMappedFile.openRwSync(path)
  mapping.dataView(1, 8).setBigUint64(0, 0x0102030405060708n)
  t.is(readFileSync(path).readBigUInt64BE(1), 0x0102030405060708n)
  const doubles = mapping.typedArray(Float64Array, 16, 2)
  doubles.set([1.5, -2.5])
  t.deepEqual([doubles.length, doubles.constructor], [2, Float64Array])
  t.is(mapping.dataView().getFloat64(16, true), 1.5)
  t.is(mapping.typedArray(Int16Array, 60).length, 2)
  t.is(mapping.typedArray(Float64Array, 40).length, 3)
  t.is(mapping.typedArray(Float64Array, 64).length, 0)
  mapping.close()
})

test('a typed array takes as many whole elements as fit', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(30)))
  t.is(mapping.typedArray(Float64Array).length, 3)
  t.is(mapping.typedArray(BigUint64Array, 8).length, 2)
  t.throws(() => mapping.typedArray(Float64Array, 0, 4), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('alignment is judged by the position in the file', (t) => {
  const bytes = pattern(2 * pageSize())
  const path = tempFile(t, bytes)
  const mapping = MemoryMappedFile.openRoSync(path, { offset: pageSize() + 4 })
  t.deepEqual(Array.from(mapping.typedArray(Float64Array, 4, 1)), [bytes.readDoubleLE(pageSize() + 8)])
  t.deepEqual(Array.from(mapping.typedArray(Uint32Array, 0, 1)), [bytes.readUInt32LE(pageSize() + 4)])
  const error = t.throws<MmapIoError>(() => mapping.typedArray(Float64Array, 0, 1))
  t.like(error, { kind: 'Misaligned', code: 'ERR_MMAP_MISALIGNED', offset: 0, required: 8 })
  t.true(error?.message.endsWith('its position in the file must be a multiple of 8'), error?.message)
  mapping.close()
})

test('misalignment is told before bounds', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(10)))
  t.throws(() => mapping.typedArray(Uint32Array, 2 ** 40 + 1, 5), { code: 'ERR_MMAP_MISALIGNED' })
  t.throws(() => mapping.typedArray(Uint32Array, 2 ** 40, 5), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('asSliceMut counts when it is released, once', (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  const slice = mapping.asSliceMut(10, 20)
  t.deepEqual([slice.offset, slice.length, slice.bytes.length], [10, 20, 20])
  slice.bytes.fill(7)
  t.is(mapping.pendingBytes, 0)
  slice.release()
  slice.release()
  slice[Symbol.dispose]()
  t.is(mapping.pendingBytes, 20)
  t.throws(() => slice.bytes, { code: 'ERR_MMAP_CLOSED', message: /slice was released/ })
  t.deepEqual(readFileSync(path).subarray(10, 30), Buffer.alloc(20, 7))
  const late = mapping.asSliceMut(0, 1)
  mapping.close()
  t.throws(() => late.bytes, { code: 'ERR_MMAP_CLOSED' })
  const next = MemoryMappedFile.openRwSync(path)
  t.notThrows(() => late.release())
  t.is(next.pendingBytes, 0, 'what is released after close is counted nowhere')
  next.close()
})

test('pendingBytes counts writes and a flush of the whole clears it', async (t) => {
  const mapping = await MemoryMappedFile.createRw(tempFile(t), 3 * pageSize())
  mapping.updateRegion(0, 'abc')
  mapping.updateRegion(pageSize(), Buffer.alloc(100))
  t.is(mapping.pendingBytes, 103)
  await mapping.flushRange(0, 10)
  t.is(mapping.pendingBytes, 103, 'a part leaves the count')
  await mapping.flushRange()
  t.is(mapping.pendingBytes, 0)
  mapping.updateRegion(0, 'abc')
  mapping.flushSync()
  t.is(mapping.pendingBytes, 0)
  mapping.updateRegion(0, 'abc')
  mapping.close()
  t.is(mapping.pendingBytes, 0)
})

test('nothing is pending on read-only and copy-on-write mappings', (t) => {
  const path = tempFile(t, pattern(100))
  const copy = MemoryMappedFile.openCowSync(path)
  copy.updateRegion(0, 'abc')
  const slice = copy.asSliceMut(0, 3)
  slice.release()
  t.is(copy.pendingBytes, 0)
  copy.close()
})

test('a flush policy flushes by itself when it is due', (t) => {
  const path = tempFile(t, Buffer.alloc(1000))
  const pendingAfter = (flushPolicy: Parameters<typeof MemoryMappedFile.openRwSync>[1] & object, writes: number[]) => {
    const mapping = MemoryMappedFile.openRwSync(path, flushPolicy)
    const pending = writes.map((bytes) => {
      mapping.updateRegion(0, Buffer.alloc(bytes))
      return mapping.pendingBytes
    })
    mapping.close()
    return pending
  }
  t.deepEqual(pendingAfter({ flushPolicy: 'always' }, [5, 6]), [0, 0])
  t.deepEqual(pendingAfter({ flushPolicy: 'manual' }, [5, 6]), [5, 11])
  t.deepEqual(pendingAfter({ flushPolicy: 'never' }, [5, 6]), [5, 11])
  t.deepEqual(pendingAfter({ flushPolicy: { everyBytes: 10 } }, [5, 4, 1, 3]), [5, 9, 0, 3])
  t.deepEqual(pendingAfter({ flushPolicy: { everyWrites: 3 } }, [1, 1, 1, 1]), [1, 2, 0, 1])
  t.deepEqual(pendingAfter({ flushPolicy: { everyBytes: 0 } }, [5]), [5])
})
