/** Reads one byte of what it is sent: a handle of a mapping, or bytes. */
import { parentPort } from 'node:worker_threads'
import { MemoryMappedFile } from './mmap-io.mjs'

parentPort.on('message', ({ handle, bytes, at }) => {
  if (bytes) {
    parentPort.postMessage(bytes[at])
    return
  }
  const mapping = MemoryMappedFile.attach(handle)
  parentPort.postMessage(mapping.asSlice(at, 1)[0])
  mapping.close()
})
