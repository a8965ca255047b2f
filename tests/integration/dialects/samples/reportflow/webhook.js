// 2. Request async PDF generation
const { url, fileId } = await generatePDFAsync({
designId: '550e8400-e29b-41d4-a716-446655440000',
version: 1,
fileName: 'invoice.pdf',
data: {
customerName: 'John Doe',
invoiceNumber: 'INV-2024-001',
amount: 10000
}
});
// 4. Download file in webhook endpoint
app.post('/webhooks/pdf-completed', async (req, res) => {
const { files, workspaceId, designId } = req.body;
for (const file of files) {
const downloadUrl = `https://${workspaceId}.re-port-flow.com/v1/file/download/${file.uuid}/${file.fileId}`;
const pdfBuffer = await downloadPDF(downloadUrl);
await sendEmail(file.params.email, pdfBuffer);
}
res.status(200).json({ received: true });
});
