"""Where things stand: sidebar, columns, tabs, expander, container, empty."""

import streamlit as st

st.set_page_config(page_title="Layout", layout="wide")

rows = st.sidebar.number_input("Rows", min_value=1, max_value=5, value=2)

left, middle, right = st.columns([1, 1, 2])
left.metric("a column", 1)
middle.metric("as wide", 1)
right.metric("twice as wide", 2)

numbers, words = st.tabs(["Numbers", "Words"])  # both run, one is seen
for row in range(rows):
    numbers.write(row + 1)
words.write("two tabs")

with st.expander("More"):
    st.write("hidden until it is opened, and yet it runs")

box = st.container(border=True)  # a place kept free
st.write("written first, shown below")
box.write("written second, shown above")

place = st.empty()  # holds one thing: the last
place.write("replaced before anybody sees it")
place.write("what stays")
