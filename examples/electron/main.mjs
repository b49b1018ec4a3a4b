// The main process of an Electron application whose windows get their files from memory.
//
//   electron examples/electron/main.mjs
import { join } from 'node:path'
import { app, BrowserWindow, protocol } from 'electron'
import { createAssetHandler } from 'mmap-io/electron'

// Before the application is ready. Without `stream` a video cannot be seeked.
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } }])

const assets = createAssetHandler(join(import.meta.dirname, 'assets'), {
  headers: { 'content-security-policy': "default-src 'self'" },
})

app.whenReady().then(() => {
  protocol.handle('app', assets)
  new BrowserWindow().loadURL('app://example/')
})

app.on('window-all-closed', () => app.quit())
app.on('will-quit', () => assets.close())
