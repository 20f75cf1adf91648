"""Everything that shows text, and nothing else."""

import streamlit as st

st.title("A title, once an app")
st.header("A header", divider=True)
st.subheader("A subheader")
st.markdown("**Markdown** with a [link](#a-header), `code` and $x^2$.")
st.text("Text as it is: **no** Markdown,\n    and spaces stay.")
st.caption("A caption: small and pale.")
st.code("loss.backward()", language="python", line_numbers=True)
st.latex(r"\mathrm{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}")
st.divider()
st.write("`write` looks at what it gets:", {"lr": 0.1}, [1, 2, 3])
