// node test/run.mjs http://127.0.0.1:8000 document.pdf
import { openAsBlob } from "node:fs";
import { main } from "../build/test/walks.js";

await main(process.argv[2], await openAsBlob(process.argv[3], { type: "application/pdf" }));
