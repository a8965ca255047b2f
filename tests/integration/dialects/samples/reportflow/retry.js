async function generateWithRetry(params, maxRetries = 3) {
for (let attempt = 0; attempt < maxRetries; attempt++) {
try {
return await generatePDFAsync(params);
} catch (error) {
if (error.response?.status >= 500 && attempt < maxRetries - 1) {
const delay = 1000 * Math.pow(2, attempt);
await sleep(delay);
continue;
}
throw error;
}
}
}
