/** Native code of Node that was given a view and still works on it when the mapping closes, resizes or is collected. */
import { prelude, survives } from '../support/child.ts'
import { onUnix } from '../support/conditions.ts'
import { tempFile } from '../support/files.ts'

const LENGTH = 4 << 20

/** Asynchronous work on a view, by name, each given the view and told its end; `out` is a file to write to. */
const users = `
  const zlib = await import('node:zlib')
  const crypto = await import('node:crypto')
  const { promisify } = await import('node:util')
  const out = fs.openSync(path + '.out', 'w+')
  fs.ftruncateSync(out, ${LENGTH})
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const users = {
    gzip: (view) => promisify(zlib.gzip)(view, { level: 1 }),
    brotli: (view) => promisify(zlib.brotliCompress)(view, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 0 } }),
    inflate: (view) => promisify(zlib.inflate)(view).catch(() => {}),
    write: (view) => promisify(fs.write)(out, view, 0, view.length, 0),
    writev: (view) => promisify(fs.writev)(out, [view, view], 0),
    read: (view) => promisify(fs.read)(out, view, 0, view.length, 0),
    readv: (view) => promisify(fs.readv)(out, [view], 0),
    writeFile: (view) => fs.promises.writeFile(path + '.copy', view),
    digest: (view) => crypto.subtle.digest('SHA-256', view),
    randomFill: (view) => promisify(crypto.randomFill)(view),
    sign: (view) => promisify(crypto.sign)('sha256', view, privateKey),
    pbkdf2: (view) => promisify(crypto.pbkdf2)(view, view.subarray(0, 1000), 10, 32, 'sha256'),
    blob: (view) => new Blob([view]).arrayBuffer(),
  }`

for (const [title, meanwhile] of Object.entries({
  'close with detach: false': 'mapping.close({ detach: false })',
  'resize down': 'mapping.resizeSync(1000)',
  'resize up': 'mapping.resizeSync(2 * mapping.length)',
  collection: 'mapping = undefined; view = undefined; await collect()',
})) {
  onUnix(`every native user of a view survives ${title}`, async (t) => {
    const program = `${prelude}${users}
      const ended = []
      for (const turns of [0, 1, 3]) for (const [name, use] of Object.entries(users)) {
        fs.truncateSync(path, ${LENGTH})
        let mapping = MemoryMappedFile.openRwSync(path)
        let view = mapping.asSlice()
        const isShared = view.buffer instanceof SharedArrayBuffer
        const working = (async () => use(view))().then(() => 'ok', (error) => error.code)
        for (let i = 0; i < turns; i++) await turn()
        ${meanwhile}
        // Kernel calls on memory that is going may be short or EFAULT.
        const end = await working
        // Some functions of Node take no shared memory.
        if (!['ok', 'EFAULT', ...(isShared ? ['ERR_INVALID_ARG_TYPE'] : [])].includes(end)) throw new Error(name + ': ' + end)
        mapping?.close({ detach: false })
        ended.push(name)
      }
      print(ended.length)`
    t.is(await survives(t, program, tempFile(t, Buffer.alloc(LENGTH, 7))), 39)
  })
}

onUnix('what native code stores into a view of a closed mapping reaches no file', async (t) => {
  const program = `${prelude}${users}
    const before = fs.readFileSync(path)
    for (const name of ['randomFill', 'read', 'readv']) {
      const mapping = MemoryMappedFile.openRwSync(path)
      const view = mapping.asSlice()
      mapping.close({ detach: false })
      await users[name](view)
    }
    print(before.equals(fs.readFileSync(path)))`
  t.true(await survives(t, program, tempFile(t, Buffer.alloc(LENGTH, 7))))
})

onUnix('native code that stores into a view while close() empties it stores into nothing', async (t) => {
  const program = `${prelude}${users}
    // More than the pool has threads: most begin when their view is gone.
    const filling = Array.from({ length: 20 }, () => {
      const mapping = MemoryMappedFile.openRwSync(path)
      const filled = users.randomFill(mapping.asSlice())
      mapping.close()
      return filled
    })
    await Promise.allSettled(filling)
    print('done')`
  t.is(await survives(t, program, tempFile(t, Buffer.alloc(LENGTH, 7))), 'done')
})
