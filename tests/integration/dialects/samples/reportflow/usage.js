// Usage example
generatePDFAsync({
designId: '550e8400-e29b-41d4-a716-446655440000',
version: 1,
fileName: 'invoice.pdf',
data: {
customerName: 'John Doe',
invoiceNumber: 'INV-2024-001',
amount: 10000
}
}).then(result => {
console.log('PDF generation complete:', result.url);
});
