import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Relative addresses: the built page works under any prefix, behind the daemon and behind the CGI scripts alike.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../backend/jobmon/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".."] },
    proxy: { "/api": "http://127.0.0.1:8080" },
  },
  test: { include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"], benchmark: { include: ["tests/**/*.bench.ts"] } },
});
